"""
The contact sheet of a run: what it cost, how it stands, and every picture.

It is made at the end from what is known, and can be made again at any time. The
pictures stay files beside it; above `PER_PAGE` of them it has further pages, so that a
browser opens each at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import islice
from urllib.parse import quote

from attrs import frozen

from aivideo_async.bulk.folder import RunFolder
from aivideo_async.bulk.manifest import Entry, Status
from aivideo_async.bulk.pages import template
from aivideo_async.bulk.whole import writing
from aivideo_async.models.money import DOLLARS_PER_CREDIT

__all__ = ["PER_PAGE", "NextStep", "Summary", "write_report"]

PER_PAGE = 2000

WORDS: Mapping[Status, str] = {
    Status.OK: "Ready, not saved yet",
    Status.FAILED: "Failed, refunded",
    Status.REFUSED: "Refused, not charged",
    Status.INVALID: "Not sent: an error in its row",
    Status.UNKNOWN: "Unknown, perhaps paid",
    Status.IN_FLIGHT: "Paid, on its way",
    Status.QUEUED: "Not sent yet",
    Status.SKIPPED: "Skipped, as its row says",
}
"""What stands in place of a picture that is not there."""


@frozen
class NextStep:
    """
    What to do next.

    Attributes:
        command: To be copied into a shell.
        purpose: What it does, and what it may cost.
    """

    command: str
    purpose: str


@frozen(kw_only=True)
class Summary:
    """
    What stands at the top.

    Attributes:
        title: What the run is called, such as the name of its folder.
        note: What else is to be known of the whole run, in a sentence or two.
        counts: How many pictures stand how; those that there are none of may be left
            out.
        spent: Credits, by the price table, for what was paid and not refunded.
        committed: Credits for what is, or may be, paid and is not ready.
        cap: The most that the run may spend, in credits; None for no limit.
        prices: The date of the price table.
        steps: What to do next, most urgent first.
    """

    title: str
    counts: Mapping[Status, int]
    spent: Decimal
    committed: Decimal = Decimal(0)
    cap: Decimal | None = None
    prices: str
    note: str = ""
    steps: tuple[NextStep, ...] = ()

    @property
    def total(self) -> int:
        """How many pictures the run is about."""
        return sum(self.counts.values())


def write_report(folder: RunFolder, summary: Summary, entries: Iterable[Entry]) -> None:
    """
    Write ``report.html``, and ``report-2.html`` and so on if there are many pictures.

    Args:
        folder: The run's folder.
        summary: What stands at the top; it counts the *entries*.
        entries: One for each picture, in the order in which they are shown; read
            lazily.

    Raises:
        ImportError: Jinja2 is missing; it belongs to the extra ``cli``.
        OSError: The disk is full or cannot be written.

    It blocks: call it in a thread.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> entry = Entry(key="MUG", sku="MUG", variant=1, status=Status.QUEUED)
        >>> summary = Summary(
        ...     title="spring",
        ...     counts={Status.QUEUED: 1},
        ...     spent=Decimal(0),
        ...     prices="2026-04",
        ... )
        >>> with TemporaryDirectory() as path:
        ...     write_report(RunFolder(path), summary, [entry])
        ...     "Not sent yet" in RunFolder(path).report().read_text()
        True
    """
    page_of = template("aivideo_async.bulk", "report.html")
    pages = [*range(1, max(1, -(-summary.total // PER_PAGE)) + 1)]
    remaining = iter(entries)
    for page in pages:
        shown = islice(remaining, PER_PAGE if page < pages[-1] else None)
        chunks = page_of.generate(
            summary=summary,
            counts={status: summary.counts.get(status, 0) for status in Status},
            entries=shown,
            page=page,
            pages=[(number, folder.report(number).name) for number in pages],
            words=WORDS,
            address=address,
            dollars=dollars,
        )
        with writing(folder.report(page)) as file:
            file.writelines(chunks)


def address(file: str) -> str:
    """
    Return the relative address of a *file* below the run's folder.

    Example:
        >>> address("images/50 %.png"), address("javascript:alert(1)")
        ('./images/50%20%25.png', './javascript%3Aalert%281%29')
    """
    return f"./{quote(file)}"


def dollars(credits: Decimal) -> str:
    """
    Write what *credits* are in dollars, to the tenth of a cent below a hundred.

    Example:
        >>> dollars(Decimal("2.4")), dollars(Decimal(50_000))
        ('$0.012', '$250.00')
    """
    value = credits * DOLLARS_PER_CREDIT
    return f"${value:,.3f}" if value < 100 else f"${value:,.2f}"
