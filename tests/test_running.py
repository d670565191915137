"""The runners of blocks, sessions and docstring examples notice what is wrong."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

from tests.consoles import console_blocks, run_session
from tests.running import (
    needs,
    python_blocks,
    run_awaiting_examples,
    run_block,
    run_examples,
)


def examples(text: str) -> doctest.DocTest:
    """Read the examples of a docstring."""
    return doctest.DocTestParser().get_doctest(text, {}, "text", None, 0)


async def test_blocks_run_as_scripts_with_top_level_await(tmp_path: Path):
    """Blocks are found with their lines; names of one are unknown to the next."""
    path = tmp_path / "README.md"
    path.write_text(
        "# Title\n```python\nimport asyncio\nawait asyncio.sleep(0)\n```\n"
        "```sh\nnot python\n```\n```python\nasyncio\n```\n"
    )
    (first_line, first), (second_line, second) = python_blocks(path)
    await run_block(first, path=path, line=first_line)
    with pytest.raises(NameError) as caught:
        await run_block(second, path=path, line=second_line)
    assert 10 == caught.traceback[-1].lineno + 1


async def test_a_block_may_run_a_loop_of_its_own(tmp_path: Path):
    """A complete script with ``asyncio.run`` works beside the running loop."""
    script = (
        "import asyncio\n"
        "async def main():\n"
        "    await asyncio.sleep(0)\n"
        "if __name__ == '__main__':\n"
        "    asyncio.run(main())\n"
        "    raise KeyError('it ran')\n"
    )
    with pytest.raises(KeyError, match="it ran"):
        await run_block(script, path=tmp_path, line=0)


async def test_examples_may_await_and_leave_out_and_raise():
    """Awaiting, ellipsis and tracebacks work; names carry over to the next example."""
    test = examples(
        ">>> import asyncio\n"
        ">>> done = await asyncio.sleep(0, [1, 2, 3])\n"
        ">>> done\n"
        "[1, ... 3]\n"
        ">>> await asyncio.sleep(0, given)\n"
        "'given'\n"
        ">>> [][0]\n"
        "Traceback (most recent call last):\n"
        "IndexError: list index ...\n"
    )
    await run_awaiting_examples(test, {"given": "given"})


WRONG = [
    pytest.param(">>> 1 + 1\n3\n", id="other output"),
    pytest.param(">>> 1 + 1\n", id="unexpected output"),
    pytest.param(
        ">>> 1\nTraceback (most recent call last):\nKeyError: 1\n", id="no error"
    ),
    pytest.param(
        ">>> {}[2]\nTraceback (most recent call last):\nKeyError: 1\n", id="other error"
    ),
]


@pytest.mark.parametrize("text", WRONG)
async def test_a_wrong_example_fails(text: str):
    """What is shown must be what happens."""
    with pytest.raises(AssertionError, match="Expected"):
        await run_awaiting_examples(examples(text), {})


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_example_fails_without_a_loop(text: str):
    """The same holds where doctest itself does the work."""
    with pytest.raises(AssertionError, match="Expected"):
        run_examples(examples(text), {})


def test_examples_may_run_a_loop_of_their_own():
    """An example without ``await`` may call ``asyncio.run``, and use the names given."""
    text = ">>> import asyncio\n>>> asyncio.run(asyncio.sleep(0, given))\n'gi...n'\n"
    run_examples(examples(text), {"given": "given"})


async def test_an_unexpected_error_is_not_hidden():
    """An example that breaks shows its own error."""
    with pytest.raises(KeyError):
        await run_awaiting_examples(examples(">>> {}[2]\n"), {})


def test_what_an_example_needs_is_seen_before_it_runs():
    """A loop for an ``await``, a service for the name of a client."""
    assert needs(examples(">>> await later\n"))
    assert needs(examples(">>> client.stats()\n"), "client")
    assert not needs(examples(">>> len('client')\n4\n"), "client")


def session(folder: Path, text: str) -> None:
    """Run a console block of a page."""
    page = folder / "page.md"
    page.write_text(f"# Title\n```console\n{text}```\n")
    for _, steps in console_blocks(page):
        run_session(steps, folder, {"WHO": "me"})


def test_a_session_is_one_shell(tmp_path: Path):
    """Both streams are read, lines may go on, codes and variables carry over."""
    session(
        tmp_path,
        "$ export MORE=$WHO\n"
        "$ echo one \\\n    two >&2\none two\n"
        "$ (exit 3)\n"
        "$ echo $? $MORE of many\n3 me of ...\n"
        "$ make believe     # installs, and is not run\n",
    )


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("$ echo one\ntwo\n", id="other output"),
        pytest.param("$ true\nsomething\n", id="no output"),
        pytest.param("$ false\n", id="a command that fails"),
        pytest.param("$ false\n$ true\n", id="a failure that is not shown"),
        pytest.param("$ exit\n$ true\n", id="a shell that ends early"),
        pytest.param("output of nothing\n", id="no command"),
    ],
)
def test_a_wrong_session_fails(tmp_path: Path, text: str):
    """What is shown must be what happens."""
    with pytest.raises(AssertionError):
        session(tmp_path, text)
