"""Every piece of code that people read is run, offline, on the emulator."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

import aivideo_async
from aivideo_async.emulator import Emulator
from tests.running import (
    needs,
    python_blocks,
    run_awaiting_examples,
    run_block,
    run_examples,
)

ROOT = Path(__file__).parent.parent
TEXTS = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
BLOCKS = [
    pytest.param(path, line, source, id=f"{path.name}:{line}")
    for path in TEXTS
    for line, source in python_blocks(path)
]
EXAMPLES = sorted(ROOT.glob("examples/[!_]*.py"))


def docstrings() -> Iterator[doctest.DocTest]:
    """Find every docstring of the package that holds an example."""
    finder = doctest.DocTestFinder()
    rooms = pkgutil.walk_packages(aivideo_async.__path__, "aivideo_async.")
    for name in ["aivideo_async", *(room.name for room in rooms)]:
        if not name.endswith("__main__"):
            tests = finder.find(importlib.import_module(name))
            yield from (test for test in tests if test.examples)


DOCSTRINGS = list(docstrings())
SERVED = [test for test in DOCSTRINGS if needs(test, "client", "emulator")]
ALONE = [test for test in DOCSTRINGS if test not in SERVED]
PUBLIC = {name: getattr(aivideo_async, name) for name in aivideo_async.__all__}


@asynccontextmanager
async def emulator_of(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Emulator]:
    """Serve the API on loopback, and let the environment say so."""
    async with Emulator(speed=200) as emulator:
        monkeypatch.setenv("AIVIDEOAPI_BASE_URL", emulator.url)
        monkeypatch.setenv("AIVIDEOAPI_API_KEY", emulator.api_key)
        yield emulator


@pytest.mark.parametrize(("path", "line", "source"), BLOCKS)
async def test_each_block_of_the_readme_runs(
    path: Path,
    line: int,
    source: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    """A newcomer can paste it: key and address come from the environment."""
    monkeypatch.chdir(tmp_path)
    async with emulator_of(monkeypatch):
        await run_block(source, path=path, line=line)


@pytest.mark.parametrize("test", ALONE, ids=lambda test: test.name)
def test_each_example_of_a_docstring_is_true(
    test: doctest.DocTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """It may use the public names."""
    monkeypatch.chdir(tmp_path)
    run_examples(test, PUBLIC)


@pytest.mark.parametrize("test", SERVED, ids=lambda test: test.name)
async def test_each_example_of_a_client_is_true(
    test: doctest.DocTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """It may use the public names, an open `client` and its `emulator`."""
    monkeypatch.chdir(tmp_path)
    async with (
        emulator_of(monkeypatch) as emulator,
        emulator.client(polling=aivideo_async.Backoff(initial=0.05)) as client,
    ):
        names = {**PUBLIC, "emulator": emulator, "client": client}
        await run_awaiting_examples(test, names)


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda path: path.name)
async def test_each_example_script_runs(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """It ends well in an empty folder, without arguments or a terminal."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    async with emulator_of(monkeypatch):
        command = [sys.executable, "-W", "error", str(script)]
        done = await anyio.run_process(
            command, cwd=tmp_path, check=False, stderr=subprocess.STDOUT
        )
    assert 0 == done.returncode, done.stdout.decode()
