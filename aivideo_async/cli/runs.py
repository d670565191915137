"""
Folders of runs, as commands take them, and what to do next with one.

What is suggested can be pasted into a shell as it is.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from aivideo_async.bulk.contact import NextStep
from aivideo_async.bulk.folder import RunFolder
from aivideo_async.bulk.manifest import Status
from aivideo_async.bulk.overview import Failures, Overview
from aivideo_async.cli import money
from aivideo_async.cli.exits import UnusableError, usage
from aivideo_async.client.options import BASE_URL
from aivideo_async.journal import ChangedError, Journal, Owner, Reader, Seen
from aivideo_async.models.text import printable

__all__ = ["command", "next_steps", "reading", "release", "step_lines", "unchanged"]


def reading(path: Path) -> Reader:
    """
    Open the journal of the run at *path*, to look at it.

    Raises:
        UnusableError: There is no run, or one of another version.
        JournalError: It cannot be read.
    """
    folder = RunFolder(path)
    if not folder.has_journal:
        raise UnusableError(
            f"{printable(str(path))} is no folder of a run, or nothing was bought in it: "
            f"it has no {folder.journal.name}. Name the folder that was given with -o."
        )
    with usage():
        return Journal.reading(folder.journal)


@contextmanager
def unchanged() -> Iterator[None]:
    """
    Take a word on what has changed since it was said for wrong usage.

    Raises:
        UnusableError: Something stands otherwise than it was seen; it stays so.
    """
    try:
        yield
    except ChangedError as error:
        raise UnusableError(str(error)) from None


async def release(journal: Journal, seen: Mapping[str, Seen]) -> None:
    """
    Let pictures be bought again, each if it stands as it was *seen*.

    Raises:
        UnusableError: One has changed since somebody was asked; nothing was sent.
        JournalError: The journal cannot be written.
    """
    said = [journal.release(*each) for each in seen.items()]
    with unchanged():
        for one in said:
            await one


def command(name: str, *words: str, owner: Owner | None = None) -> str:
    """
    Write a command for a shell, at the address where the run was bought.

    Example:
        >>> command("resolve", "runs/my spring", "--forget", "MUG-RED")
        "aivideo resolve 'runs/my spring' --forget MUG-RED"
    """
    where = () if owner is None or owner.origin == BASE_URL else (owner.origin,)
    address = [part for origin in where for part in ("--base-url", origin)]
    return shlex.join(["aivideo", name, *words, *address])


def next_steps(
    path: Path,
    overview: Overview,
    failures: Failures,
    *,
    sheet: str,
    owner: Owner | None = None,
) -> Iterator[NextStep]:
    """
    Yield what is to be done about a run that nobody works on, most urgent first.

    Args:
        path: Its folder.
        overview: How it stands.
        failures: What ended badly.
        sheet: Its sheet, as it was named.
        owner: Where it was bought.
    """
    folder, counts = str(path), overview.counts
    if unknown := counts.get(Status.UNKNOWN):
        yield NextStep(
            command("resolve", folder),
            f"{money.pictures(unknown)} whose outcome is unknown",
        )
    left = counts.get(Status.QUEUED, 0) + counts.get(Status.IN_FLIGHT, 0)
    if (left or overview.to_save) and sheet != "-":  # what was piped in is gone
        to_go = f"{money.pictures(left)} to go, " if left else ""
        saved = f"{overview.to_save:,} to be saved, " if overview.to_save else ""
        yield NextStep(
            command("run", sheet, "-o", folder, owner=owner),
            f"{to_go}{saved}at most {money.credits(overview.to_spend)}",
        )
    if failures.transient:
        cost = f"at most {money.credits(failures.price)}"
        yield NextStep(
            command("retry", folder, owner=owner),
            f"{money.pictures(failures.transient)} that may go better now, {cost}",
        )


def step_lines(steps: Iterable[NextStep]) -> Iterator[str]:
    """
    Lay *steps* out for people.

    Example:
        >>> print(*step_lines([NextStep("aivideo retry run", "2 pictures")]), sep="\\n")
        <BLANKLINE>
        Next      aivideo retry run
                  2 pictures
    """
    for number, step in enumerate(steps):
        yield ""
        yield f"{'' if number else 'Next':<10}{step.command}"
        yield f"{'':<10}{step.purpose}"
