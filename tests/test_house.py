"""The rules of the house that no linter knows."""

from __future__ import annotations

import ast
import pickle
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import aivideo_async
from aivideo_async import errors
from aivideo_async.models import Evidence, Task, TaskFailure, TaskStatus

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "aivideo_async"
SOURCES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def place(path: Path) -> str:
    """Name a file by its place in the checkout."""
    return str(path.relative_to(ROOT))


def dotted(path: Path) -> str:
    """Name a source file as it is imported."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def run(*arguments: str) -> str:
    """Run a fresh interpreter that takes every warning for an error."""
    command = [sys.executable, "-W", "error", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout


# --- modules --------------------------------------------------------------------


@pytest.mark.parametrize("path", SOURCES, ids=place)
def test_each_module_says_why_it_exists_and_what_it_offers(path: Path):
    """A docstring for the reader, and ``__all__`` for whoever imports from it."""
    tree = ast.parse(path.read_text("utf-8"))
    assigned = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    offers_nothing = path.name == "__main__.py" or len(tree.body) == 1
    assert ast.get_docstring(tree)
    assert "__all__" in assigned or offers_nothing


@pytest.mark.parametrize("path", SOURCES, ids=place)
def test_no_module_outgrows_a_reader(path: Path):
    """400 lines at most; a longer one hides a second concern."""
    lines = path.read_text("utf-8").count("\n")
    assert lines <= 400


@pytest.mark.slow
@pytest.mark.timeout(90)
def test_each_module_can_be_imported_first():
    """No circle and no warning, whichever of our modules is asked for first."""
    modules = [dotted(path) for path in SOURCES if path.name != "__main__.py"]
    run(
        "-c",
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    for loaded in [m for m in sys.modules if m.startswith('aivideo_async')]:\n"
        "        del sys.modules[loaded]\n"
        "    importlib.import_module(name)\n",
        *modules,
    )


# --- the public surface ---------------------------------------------------------


def test_importing_the_package_loads_none_of_its_dependencies():
    """``import aivideo_async`` is light; whoever uses a name pays for it."""
    loaded = run(
        "-c",
        "import sys\n"
        "before = set(sys.modules)\n"
        "import aivideo_async\n"
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})\n",
    )
    assert {"aivideo_async"} == set(loaded.split()) - sys.stdlib_module_names


def test_the_public_names_are_those_that_resolve():
    """``__all__``, ``dir()`` and what can be had are one and the same."""
    listed = {name for name in aivideo_async.__all__ if not name.startswith("_")}
    shown = {
        name
        for name in dir(aivideo_async)
        if not name.startswith("_")
        and not isinstance(getattr(aivideo_async, name), ModuleType)
    }
    assert sorted(set(aivideo_async.__all__)) == sorted(aivideo_async.__all__)
    assert listed == shown
    assert not hasattr(aivideo_async, "no_such_name")


def test_the_wheel_holds_all_that_the_package_needs(tmp_path: Path):
    """Imported from the built wheel alone, the package is typed and has its data."""
    run("-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path))
    (wheel,) = tmp_path.glob("*.whl")
    shown = run(
        "-c",
        "import sys\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "from importlib import resources\n"
        "from aivideo_async.models.catalogue import catalogue\n"
        "package = resources.files('aivideo_async')\n"
        "page = package / 'emulator' / 'templates' / 'live.html'\n"
        "report = package / 'bulk' / 'templates' / 'report.html'\n"
        "typed = package / 'py.typed'\n"
        "print(package, typed.is_file(), bool(catalogue()), page.is_file(), report.is_file())\n",
        str(wheel),
    )
    assert f"{wheel / 'aivideo_async'}/ True True True True" == shown.strip()


def test_the_constraints_name_every_dependency():
    """What `make` installs is pinned, so that it works the same next year."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    project = settings["project"]
    wanted = chain(
        settings["build-system"]["requires"],
        project["dependencies"],
        *project["optional-dependencies"].values(),
        *settings["dependency-groups"].values(),
    )
    entries = [entry for entry in wanted if isinstance(entry, str)]
    names = {re.split(r"[^\w-]", entry, maxsplit=1)[0] for entry in entries}
    pins = (ROOT / "constraints.txt").read_text("utf-8")
    assert names <= set(re.findall(r"^([\w-]+)==", pins, re.MULTILINE))


# --- errors ---------------------------------------------------------------------

ERRORS = [
    thing for name in errors.__all__ if isinstance(thing := getattr(errors, name), type)
]
FAILED = Task("t-1", TaskStatus.FAILED, error=TaskFailure("nsfw", "refused"))


def example(cls: type[errors.AIVideoError]) -> errors.AIVideoError:
    """Build an error with every attribute set."""
    if issubclass(cls, errors.TaskFailedError):
        return cls(FAILED)
    about: dict[str, Any] = {"task_id": "t-1"}
    if issubclass(cls, errors.OutcomeUnknownError):
        about |= {"evidence": Evidence(status=502, reason="no task id")}
    if issubclass(cls, errors.UnexpectedResponseError):
        about |= {"status": 502, "body": "<html>"}
    if issubclass(cls, errors.APIError):
        about |= {"status": 429, "code": "c", "type": "t", "retry_after": 1.5}
    if issubclass(cls, errors.InvalidRequestError):
        about |= {"field": "prompt"}
    return cls("what happened", **about)


def drawn_parents() -> Iterator[tuple[str, str | None]]:
    """Read the tree in the docstring of errors.py: each name and its parent's."""
    above: dict[int, str] = {}
    for line in (errors.__doc__ or "").splitlines():
        for branch in re.finditer(r"(?<![\w.])([A-Z]\w*Error)\b", line):
            before = line[: branch.start()]
            if before.strip("│├└─ "):
                continue
            depth = len(before)
            above = {at: name for at, name in above.items() if at < depth}
            yield branch[1], above[max(above)] if above else None
            above[depth] = branch[1]


def test_the_tree_of_errors_is_drawn_as_it_is():
    """Each error stands in the docstring's tree, under the class it derives from."""
    real = {
        cls.__name__: None if cls is errors.AIVideoError else cls.__bases__[0].__name__
        for cls in ERRORS
    }
    assert real == dict(drawn_parents())


@pytest.mark.parametrize("cls", ERRORS, ids=lambda cls: cls.__name__)
def test_each_error_survives_pickling(cls: type[errors.AIVideoError]):
    """Another process gets the same class, text and attributes."""
    error = example(cls)
    copy = pickle.loads(pickle.dumps(error))
    assert cls is type(copy)
    assert (str(error), error.args) == (str(copy), copy.args)
    assert vars(error) == vars(copy)
    assert "t-1" == copy.task_id


# --- tests ----------------------------------------------------------------------


def test_each_test_states_its_claim():
    """Every test function has a docstring."""
    silent = [
        f"{place(path)}:{node.lineno} {node.name}"
        for path in TESTS
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]
    assert [] == silent


def imports(path: Path) -> Iterator[str]:
    """Name everything that a file imports."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_nothing_of_ours_is_mocked():
    """A test that needs a mock shows that a port is missing."""
    mocking = {
        place(path)
        for path in TESTS
        for name in imports(path)
        if name.startswith("unittest.mock")
    }
    assert {"tests/mocked_wire.py"} == mocking


def test_a_program_without_logging_still_sees_what_is_paid_for():
    """Python prints warnings of a logger that has no handler; ours has none."""
    code = (
        "import logging, aivideo_async\n"
        "logging.getLogger('aivideo_async').warning('Task t-1 is paid for')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "Task t-1 is paid for" in done.stderr
