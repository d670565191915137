"""What ``aivideo plan`` does: read, compare, price, and show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aivideo_async.bulk.folder import RunFolder
from aivideo_async.bulk.sheet import open_sheet
from aivideo_async.cli.exits import Exit, UnusableError, usage
from aivideo_async.cli.options import Settings
from aivideo_async.cli.plan.asked import Asked
from aivideo_async.cli.plan.screen import lines, record_of
from aivideo_async.errors import AIVideoError
from aivideo_async.models.text import printable

if TYPE_CHECKING:
    from aivideo_async.bulk.plan import Plan

__all__ = ["asking", "check", "show_plan"]


def show_plan(
    settings: Settings,
    source: str,
    folder: Path | None,
    *,
    offline: bool,
    about: Mapping[str, Any],
) -> int:
    """Show the plan; return 0 if it could be carried out."""
    console = settings.console
    with asking(source, folder, about) as asked:
        plan = asked.plan()
    balance = None if offline or plan.problems.error_count else _balance(settings)
    for line in lines(source, plan, balance):
        console.result(line)
    console.record("plan", **record_of(source, plan, balance))
    check(source, plan)
    return Exit.DONE


@contextmanager
def asking(
    source: str, folder: Path | None, about: Mapping[str, Any]
) -> Iterator[Asked]:
    """
    Open the sheet and read what is asked for, until the block ends.

    Raises:
        UnusableError: Something that was named cannot be used. Nothing was sent.
    """
    with ExitStack() as opened:
        with usage():
            sheet = opened.enter_context(open_sheet(source))
            run = None if folder is None else RunFolder(folder)
            asked = Asked.read(sheet, run, about)
        yield asked


def check(source: str, plan: Plan) -> None:
    """
    Refuse a plan that has errors.

    Raises:
        UnusableError: It has; what they are has been told.
    """
    count = plan.problems.error_count
    if count:
        them = "it" if count == 1 else "them"
        raise UnusableError(
            f"{count:,} error{'' if count == 1 else 's'} in {printable(source)}: mend "
            f"{them}, then run this again. Nothing was sent."
        )


def _balance(settings: Settings) -> Decimal | None:
    """Read the balance; a plan is a plan without it, too."""
    import asyncio

    from aivideo_async.cli.connect import connected, has_key

    if not has_key(settings):
        settings.console.note("The balance is not shown, for there is no API key.")
        return None

    async def read() -> Decimal:
        async with connected(settings) as client:
            return (await client.credits()).balance

    try:
        return asyncio.run(read())
    except AIVideoError as error:
        settings.console.warn(f"the balance could not be read: {error}")
        return None
