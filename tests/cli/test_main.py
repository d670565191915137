"""The command line itself: help, version, and what happens without the extra."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from aivideo_async import __version__
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
