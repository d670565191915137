"""
Run code that people read: blocks of Markdown and examples of docstrings.

Both may use a top-level ``await``, as in IPython or ``python -m asyncio``, which doctest
does not know. Code without one may call ``asyncio.run`` itself.
"""

from __future__ import annotations

import ast
import contextlib
import doctest
import inspect
import io
import re
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import anyio.to_thread

__all__ = [
    "needs",
    "python_blocks",
    "run_awaiting_examples",
    "run_block",
    "run_examples",
]

_FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMPARISON = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def python_blocks(path: Path) -> Iterator[tuple[int, str]]:
    """Find the Python blocks of a Markdown file: the line of each, and its source."""
    text = path.read_text("utf-8")
    for block in _FENCE.finditer(text):
        yield text.count("\n", 0, block.start(1)), block[1]


async def run_block(source: str, *, path: Path, line: int) -> None:
    """Run a script that starts below *line* of *path*; tracebacks point there."""
    code = _compile("\n" * line + source, str(path), "exec")
    scope = {"__name__": "__main__"}
    if _is_coroutine(code):
        await eval(code, scope)
    else:
        await anyio.to_thread.run_sync(exec, code, scope)


def run_examples(test: doctest.DocTest, names: dict[str, Any]) -> None:
    """Run the examples of one docstring, which may use *names*, and compare."""
    test.globs.update(names)
    report: list[str] = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=_COMPARISON)
    assert 0 == runner.run(test, out=report.append).failed, "".join(report)


async def run_awaiting_examples(test: doctest.DocTest, names: dict[str, Any]) -> None:
    """Do the same where a loop runs already; examples may await."""
    scope = {**test.globs, **names}
    for example in test.examples:
        line = (test.lineno or 0) + example.lineno
        code = _compile("\n" * line + example.source, test.filename or "", "single")
        shown, raised = await _outcome(code, scope, expected=example.exc_msg)
        _compare(example, shown if example.exc_msg is None else raised)


def needs(test: doctest.DocTest, *names: str) -> bool:
    """Tell whether an example awaits something or uses one of *names*."""
    codes = [_compile(example.source, test.name, "single") for example in test.examples]
    return any(_is_coroutine(code) or {*names} & {*code.co_names} for code in codes)


def _compile(source: str, name: str, mode: str) -> CodeType:
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code = compile(source, name, mode, flags=flags, dont_inherit=True)
    assert isinstance(code, CodeType)
    return code


def _is_coroutine(code: CodeType) -> bool:
    return bool(code.co_flags & inspect.CO_COROUTINE)


async def _outcome(
    code: CodeType, scope: dict[str, Any], *, expected: str | None
) -> tuple[str, str]:
    """Run one example; return what it showed and, if one is expected, its error."""
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        try:
            result = eval(code, scope)
            if _is_coroutine(code):
                await result
        except Exception as error:
            if expected is None:
                raise
            return shown.getvalue(), traceback.format_exception_only(error)[-1]
    return shown.getvalue(), "nothing was raised"


def _compare(example: doctest.Example, got: str) -> None:
    checker = doctest.OutputChecker()
    want = example.want if example.exc_msg is None else example.exc_msg
    if not checker.check_output(want, got, _COMPARISON):
        shown = doctest.Example(example.source, want)
        raise AssertionError(checker.output_difference(shown, got, _COMPARISON))
