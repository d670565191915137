"""What people see meanwhile: a live block on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import pty
import sys
from collections.abc import Callable

import pytest

from aivideo_async.cli.live import LiveProgress
from aivideo_async.cli.progress import PlainProgress, progress_of
from tests.cli.terminal import drained, plain

COLOUR = "\x1b[3"
HOSTILE = "\x1b]0;owned\x07 \x1b[2J\r\n\u202egnp.exe\u2069 \x9b31m\x00"
"""A window title, a cleared screen, new lines, turned text, an 8-bit escape."""

Show = Callable[[Callable[[], None]], str]


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
    with progress_of(2) as progress:
        progress.step(text, ok=True, status=status)
        progress.step("LAMP-YELLOW", ok=False, status="4.8 credits")


def test_a_terminal_shows_lines_above_a_bar_and_the_money(show: Show):
    """In colour; when it ends the lines stay, and the cursor is back."""
    shown = show(two_steps)
    assert COLOUR in shown
    assert shown.index("\x1b[?25l") < shown.rindex("\x1b[?25h")
    assert {"ok     MUG-RED", "failed LAMP-YELLOW"} < {*plain(shown)}
    assert "2/2" in shown
    assert "4.8 credits" in shown


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
            progress.step(f"[red]{HOSTILE}", ok=True, status=HOSTILE)

    shown = show(one_step)
    assert not {*"\x07\x9b\x00\u202e\u2069"} & {*shown}
    assert "\x1b]" not in shown
    assert "\x1b[2J" not in shown
    assert any("ok     [red] ]0;owned" in line for line in plain(shown))
