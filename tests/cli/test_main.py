"""The command line itself: help, version, and what happens without the extra."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from aivideo_async import __version__
from aivideo_async.cli import price
from aivideo_async.cli.app import COMMANDS, aivideo as group
from aivideo_async.cli.credits import balance
from aivideo_async.emulator import Emulator
from tests.cli.conftest import KEY, Aivideo
from tests.cli.terminal import ROOT, run


def python(source: str) -> subprocess.CompletedProcess[str]:
    """Run *source* in a fresh interpreter."""
    command = [sys.executable, "-W", "error", "-c", source]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_the_help_lists_the_commands_and_loads_nothing_heavy():
    """``aivideo --help`` answers at once."""
    done = python(
        "import sys\n"
        "from aivideo_async.cli import main\n"
        "sys.argv = ['aivideo', '--help']\n"
        "try:\n"
        "    main()\n"
        "finally:\n"
        "    print({'aiohttp', 'attr', 'jinja2', 'rich', 'PIL'} & {*sys.modules})\n"
    )
    assert 0 == done.returncode
    assert "demo     Make sample product shots offline" in done.stdout
    assert done.stdout.endswith("set()\n")


def test_the_version_is_the_package_s(tmp_path: Path):
    """``python -m aivideo_async`` is the command, too."""
    ran = run("--version", folder=tmp_path)
    assert (0, f"aivideo, version {__version__}\n") == (ran.code, ran.stdout)


def test_an_unknown_command_is_a_usage_error(tmp_path: Path):
    """Exit code 2, with a hint and without a traceback."""
    ran = run("dmeo", folder=tmp_path)
    assert 2 == ran.code
    assert "No such command 'dmeo'" in ran.stderr


@pytest.mark.parametrize("library", ["click", "jinja2", "rich"])
def test_without_the_extra_it_says_what_to_install(library: str):
    """Exit code 2 and the pip command, whichever library is missing."""
    done = python(
        f"import sys; sys.modules[{library!r}] = None\n"
        "from aivideo_async.cli import main\n"
        "main()\n"
    )
    assert 2 == done.returncode
    assert f"needs {library}." in done.stderr
    assert 'pip install "aivideo-async[cli]"' in done.stderr


def commands(command: click.Command, *path: str) -> Iterator[tuple[str, ...]]:
    """Name every command and those below it."""
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below
            yield from commands(below, *path, name)


@pytest.mark.parametrize("path", [*commands(group)], ids=" ".join)
async def test_each_help_fits_the_terminal(path: tuple[str, ...], aivideo: Aivideo):
    """Within 80 columns; a command shows an example of itself."""
    said = await aivideo(*path, "--help")
    assert (0, "") == (said.code, said.stderr)
    assert max(map(len, said.lines)) <= 80
    if path and path != ("task",):
        examples = said.stdout.partition("Examples:")[2]
        assert f"\n  aivideo {' '.join(path)}" in examples


@pytest.mark.parametrize("flag", ["--json", "-q", "-v"])
@pytest.mark.parametrize("name", [*COMMANDS])
def test_global_options_stand_before_or_after(name: str, flag: str):
    """Each command takes them, too."""
    command = group.get_command(click.Context(group), name)
    assert command
    names = {name for param in command.params for name in param.opts}
    assert flag in names


async def test_programs_read_usage_errors_too(aivideo: Aivideo):
    """Even of an option that does not exist."""
    error, summary = (await aivideo("price", "--jsn", "--json")).records
    assert ("error", "NoSuchOption", 2) == (
        error["type"],
        error["error"],
        error["exit"],
    )
    assert "--jsn" in error["message"]
    assert {"type": "summary", "exit": 2} == summary


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Build a bug into ``aivideo credits``."""

    def fail(*arguments: object) -> None:
        raise KeyError("surprise")

    monkeypatch.setattr(balance, "line", fail)


async def test_a_bug_is_told_in_a_few_words(
    broken: None, aivideo: Aivideo, emulator: Emulator
):
    """Exit code 1, how to report it, and no traceback."""
    said = await aivideo("credits")
    assert (1, "") == (said.code, said.stdout)
    assert "Error: KeyError: 'surprise'\nThis is a bug in aivideo." in said.stderr
    assert "aivideo -v ..." in said.stderr


@pytest.mark.parametrize("key", [KEY, "sk-wrong-key-of-mine"])
async def test_the_log_shows_much_but_the_key(
    key: str, aivideo: Aivideo, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
):
    """With -v, whether it works or not."""
    monkeypatch.setenv("AIVIDEOAPI_API_KEY", key)
    for arguments in (("credits",), ("image", "a"), ("doctor",), ("task", "get", "x")):
        said = await aivideo("-v", *arguments)
        assert key not in said.stdout + said.stderr


def test_a_bug_shows_its_traceback_to_those_who_ask(tmp_path: Path):
    """With -v, on stderr, after the words."""
    done = python(
        "import sys\n"
        "from aivideo_async.cli import price, main\n"
        "price.lines = None\n"
        "sys.argv = ['aivideo', '-v', 'price']\n"
        "main()\n"
    )
    assert 1 == done.returncode
    assert "Error: TypeError" in done.stderr
    assert "Traceback (most recent call last)" in done.stderr


@pytest.mark.parametrize(
    ("words", "offered"),
    [("aivideo em", "emulate"), ("aivideo image --resolution ", "4k")],
    ids=["a command", "a value"],
)
def test_the_shell_completes(words: str, offered: str, tmp_path: Path):
    """Commands, options and their values, by click's own means."""
    ran = run(
        folder=tmp_path,
        _AIVIDEO_COMPLETE="bash_complete",
        COMP_WORDS=words,
        COMP_CWORD=str(words.count(" ")),
    )
    assert (0, "") == (ran.code, ran.stderr)
    assert f"plain,{offered}" in ran.stdout.splitlines()


async def test_a_name_that_is_no_text_is_spelled(
    aivideo: Aivideo, monkeypatch: pytest.MonkeyPatch
):
    """A file may be called anything: the bytes that are no UTF-8 are escaped."""
    monkeypatch.setattr(price, "lines", lambda wanted: ["\udcff/a.png"])
    said = await aivideo("price")
    assert (0, "\\udcff/a.png\n") == (said.code, said.stdout)
