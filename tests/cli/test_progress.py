"""What people see meanwhile: a live block on a terminal, plain lines elsewhere."""

from __future__ import annotations

import asyncio
import os
import pty
import sys
from collections.abc import Callable

import pytest

from aivideo_async.cli.console import Console
from aivideo_async.cli.live import LiveProgress
from aivideo_async.cli.progress import PlainProgress, QuietProgress, beating
from tests.cli.terminal import drained, plain
from tests.warp import warped

COLOUR = "\x1b[3"
HOSTILE = "\x1b]0;owned\x07 \x1b[2J\r\n\u202egnp.exe\u2069 \x9b31m\x00"
"""A window title, a cleared screen, new lines, turned text, an 8-bit escape."""

Show = Callable[[Callable[[], None]], str]


@pytest.fixture(autouse=True)
def no_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look as it does for people, also where the suite is run for a program."""
    monkeypatch.delenv("CI", raising=False)


@pytest.fixture
def show(monkeypatch: pytest.MonkeyPatch) -> Show:
    """Return what runs an action with stderr on a terminal, and tells what it shows."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")

    def shown(action: Callable[[], None]) -> str:
        ours, theirs = pty.openpty()
        with (
            os.fdopen(theirs, "w", encoding="utf-8") as stderr,
            monkeypatch.context() as m,
        ):
            m.setattr(sys, "stderr", stderr)
            action()
        return drained(ours)

    return shown


def two_steps(text: str = "MUG-RED", status: str = "2.4 credits") -> None:
    """Show a step that went well and one that did not."""
    with Console().progress(2) as progress:
        progress.step(text)
        if progress.pace == LiveProgress.pace:
            progress.show(status)
        progress.step("LAMP-YELLOW", ok=False)


def test_a_terminal_shows_lines_above_a_bar_and_the_money(show: Show):
    """In colour; when it ends the lines stay, and the cursor is back."""
    shown = show(two_steps)
    assert COLOUR in shown
    assert shown.index("\x1b[?25l") < shown.rindex("\x1b[?25h")
    assert {"ok     MUG-RED", "failed LAMP-YELLOW"} < {*plain(shown)}
    assert "2/2" in shown
    assert "2.4 credits" in shown


def test_nothing_is_wider_than_the_terminal(show: Show):
    """Long texts are cut at 80 columns."""
    shown = show(lambda: two_steps("x" * 200, "y" * 200))
    assert max(map(len, plain(shown))) <= 80


def test_no_color_is_honoured(show: Show, monkeypatch: pytest.MonkeyPatch):
    """With NO_COLOR the block is live, and has no colour."""
    monkeypatch.setenv("NO_COLOR", "1")
    shown = show(two_steps)
    assert "2/2" in shown
    assert COLOUR not in shown


def test_ci_gets_plain_lines_though_it_fakes_a_terminal(
    show: Show, monkeypatch: pytest.MonkeyPatch
):
    """Its log keeps every escape code."""
    monkeypatch.setenv("CI", "true")
    assert "\x1b" not in show(two_steps)


def test_a_failure_is_told_whole_on_a_terminal(show: Show):
    """What went wrong is never cut off."""

    def fail() -> None:
        with Console().progress(1) as progress:
            progress.step("reason " * 20 + "THE-END", ok=False)

    assert "THE-END" in show(fail)


def test_what_is_said_meanwhile_can_be_copied(show: Show):
    """No line break is put into a long address; the bar goes on below it."""
    address = "https://example.com/" + "x" * 200

    def say() -> None:
        with Console().progress(1) as progress:
            progress.say(address)

    assert address in show(say)


def test_quiet_shows_failures_only(capsys: pytest.CaptureFixture[str]):
    """One line for each, and nothing else."""
    with Console(quiet=True).progress(2) as progress:
        assert isinstance(progress, QuietProgress)
        progress.step("MUG-RED")
        progress.step("LAMP", ok=False)
    assert ("", "failed LAMP\n") == capsys.readouterr()


@warped
async def test_a_log_hears_twice_a_minute_that_it_goes_on(
    capsys: pytest.CaptureFixture[str],
):
    """Silence looks like a hang to whoever watches a job."""
    with PlainProgress(3) as progress, beating(progress, lambda: "1 being made"):
        await asyncio.sleep(65)
    await asyncio.sleep(65)
    assert 2 * "  0/3  1 being made\n" == capsys.readouterr().err


@pytest.mark.parametrize("name", ["", "dumb", "unknown"])
def test_a_dumb_terminal_gets_plain_lines(
    name: str, show: Show, monkeypatch: pytest.MonkeyPatch
):
    """No escape code reaches a terminal that would not understand it."""
    monkeypatch.setenv("TERM", name)
    shown = show(two_steps)
    assert "  1/2  ok     MUG-RED\r\n  2/2  failed LAMP-YELLOW\r\n" == shown


def test_a_pipe_gets_plain_lines(capsys: pytest.CaptureFixture[str]):
    """A line for each step, on stderr."""
    two_steps()
    stdout, stderr = capsys.readouterr()
    assert ("", "  1/2  ok     MUG-RED\n  2/2  failed LAMP-YELLOW\n") == (
        stdout,
        stderr,
    )


@pytest.mark.parametrize("kind", [LiveProgress, PlainProgress])
def test_foreign_text_cannot_drive_the_terminal(
    kind: type[LiveProgress | PlainProgress], show: Show
):
    """Control, escape and bidirectional characters are gone; markup is text."""

    def one_step() -> None:
        with kind(1) as progress:
            progress.step(f"[red]{HOSTILE}")
            progress.show(HOSTILE)

    shown = show(one_step)
    assert not {*"\x07\x9b\x00\u202e\u2069"} & {*shown}
    assert "\x1b]" not in shown
    assert "\x1b[2J" not in shown
    assert any("ok     [red] ]0;owned" in line for line in plain(shown))
