"""
Every piece of code that people read is run, offline, on the emulator.

So are the commands; and tables that name what the code has, name all of it.
"""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

import aivideo_async
from aivideo_async import errors
from aivideo_async.cli.exits import Exit
from aivideo_async.emulator import SCENARIOS, TRIGGERS, Emulator
from tests.consoles import Step, console_blocks, run_server, run_session
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
    (path, line, source) for path in TEXTS for line, source in python_blocks(path)
]
SCRIPTS = [block for block in BLOCKS if "def test_" not in block[2]]
TESTS = [block for block in BLOCKS if block not in SCRIPTS]
SESSIONS = [
    pytest.param(steps, id=f"{path.name}:{line}")
    for path in TEXTS
    for line, steps in console_blocks(path)
]
PASTED = "path", "line", "source"
EXAMPLES = sorted(ROOT.glob("examples/[!_]*.py"))


def places(blocks: list[tuple[Path, int, str]]) -> list[str]:
    """Name each block by where it begins."""
    return [f"{path.name}:{line}" for path, line, _ in blocks]


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


@pytest.mark.parametrize(PASTED, SCRIPTS, ids=places(SCRIPTS))
async def test_each_block_runs(
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


@pytest.mark.parametrize(PASTED, TESTS, ids=places(TESTS))
def test_each_block_of_tests_passes(path: Path, line: int, source: str, tmp_path: Path):
    """A newcomer can paste it into a file of a project that has pytest."""
    (tmp_path / "test_pasted.py").write_text(source, "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert 0 == done.returncode, f"{path.name}:{line}\n{done.stdout.decode()}"


@pytest.mark.parametrize("steps", SESSIONS)
def test_each_session_prints_what_is_shown(steps: list[Step], tmp_path: Path):
    """In an empty folder, with the key and address of an emulator."""
    if steps[0].serves:
        run_server(steps[0], tmp_path)
        return
    with Emulator(speed=200) as emulator:
        run_session(steps, tmp_path, emulator.environment)


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


def first_cells(page: str) -> list[str]:
    """Return what stands in the first column of the tables of *page*."""
    text = (ROOT / page).read_text("utf-8")
    rows = re.findall(r"^\|(.*?)\|", text, re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row)]


@pytest.mark.parametrize("page", ["README.md", "docs/errors.md"])
def test_the_tables_of_errors_name_each_class_once(page: str):
    """Somebody who meets one finds out what to do."""
    named = [name for name in first_cells(page) if name.endswith("Error")]
    assert sorted(errors.__all__) == sorted(named)


def test_the_reference_describes_each_public_name_once():
    """What can be imported is documented."""
    pages = sorted(ROOT.glob("docs/reference/*.md"))
    text = "".join(page.read_text("utf-8") for page in pages)
    described = re.findall(r"^::: aivideo_async\.(\w+)$", text, re.MULTILINE)
    wrong = [name for name in aivideo_async.__all__ if described.count(name) != 1]
    assert ["__version__"] == wrong


def test_the_exit_codes_are_those_that_are_used():
    """A script may rely on the table."""
    shown = first_cells("docs/guides/command-line.md")
    assert [str(code.value) for code in Exit] == [n for n in shown if n.isdigit()]


def test_the_scenarios_and_triggers_are_told_in_their_own_words():
    """The page of the emulator has each of them."""
    page = (ROOT / "docs/guides/emulator.md").read_text("utf-8")
    told = {(name, kind.about) for name, kind in SCENARIOS.items()}
    told |= {(kind.usage, kind.about) for kind in TRIGGERS.values()}
    rows = re.findall(r"^\| `([^`]+)` \| (.+?) \|$", page, re.MULTILINE)
    assert told == set(rows)


def anchors(page: Path) -> set[str]:
    """Return the anchors of the headings of *page*, and the empty one."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {"", *(re.sub(r"\W+", "-", heading.lower()) for heading in headings)}


@pytest.mark.parametrize("text", sorted(ROOT.glob("*.md")), ids=lambda path: path.name)
def test_the_links_of_the_texts_beside_the_site_lead_somewhere(text: Path):
    """Those within docs/ are checked when the site is built."""
    targets = re.findall(r"\]\(([^)#]*)#?([^)]*)\)", text.read_text("utf-8"))
    for name, anchor in targets:
        target = ROOT / name
        if "://" not in name:
            assert target.exists(), name
            assert not anchor or anchor in anchors(target), f"{name}#{anchor}"


def test_the_tree_of_the_house_names_only_what_is_there():
    """A newcomer who follows it finds each module."""
    tree = (ROOT / "CONTRIBUTING.md").read_text("utf-8").split("```")[1]
    named = re.findall(r"[a-z_]+\.(?:py|toml)\b", tree)
    there = {path.name for path in ROOT.glob("aivideo_async/**/*")} | {"zensical.toml"}
    assert not {*named} - there
