"""The end of a run: the manifest, the report, what it cost, and what to do next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import Decimal

from attrs import frozen

from aivideo_async.bulk.contact import NextStep, Summary, write_report
from aivideo_async.bulk.folder import RunFolder
from aivideo_async.bulk.manifest import Entry, Status, write_manifest
from aivideo_async.bulk.overview import Failures, Overview, failures_of, overview_of
from aivideo_async.bulk.run import rows_of
from aivideo_async.bulk.standing import entry_of
from aivideo_async.cli import money
from aivideo_async.cli.exits import DiskError, Exit
from aivideo_async.cli.plan.screen import labelled
from aivideo_async.cli.run.board import Board, duration
from aivideo_async.cli.runs import next_steps, step_lines
from aivideo_async.journal import Journal, Reader
from aivideo_async.models.text import printable

__all__ = ["BAD", "Ending", "codes_of", "ending_of"]

BAD = (Status.FAILED, Status.REFUSED, Status.INVALID)


@frozen(kw_only=True)
class Ending:
    """
    How a run stands in the end.

    Attributes:
        folder: Where it lies.
        overview: Its counts and its money.
        failures: What ended badly.
        cap: Credits that it may spend, or None.
        steps: What to do next, most urgent first.
    """

    folder: RunFolder
    overview: Overview
    failures: Failures
    cap: Decimal | None
    steps: tuple[NextStep, ...]

    def lines(self, board: Board, seconds: float, *, stopped: bool) -> Iterator[str]:
        """Lay it out for people, most important last."""
        yield ""
        yield self._headline(seconds, nothing=not board.ended, stopped=stopped)
        yield from labelled("Spent", self._spent(board))
        if self.failures.codes:
            yield from labelled("Failed", self._reasons())
        yield f"Pictures  {printable(str(self.folder.images))}"
        yield f"Manifest  {printable(str(self.folder.manifest_csv))}"
        yield f"Report    {self.folder.report().absolute().as_uri()}"
        yield from step_lines(self.steps)

    def _headline(self, seconds: float, *, nothing: bool, stopped: bool) -> str:
        counts = ", ".join(
            f"{self.overview.counts[status]:,} {status.replace('_', ' ')}"
            for status in Status
            if self.overview.counts.get(status)
        )
        if self.overview.to_save:
            counts += f" ({self.overview.to_save:,} of them to be saved)"
        if stopped:
            word = f"Stopped after {duration(seconds)}"
        elif nothing:
            word = "Nothing was left to be done"
        else:
            word = f"Done in {duration(seconds)}"
        return f"{word}: {counts or 'no picture'}"

    def _spent(self, board: Board) -> str:
        text = f"{money.credits(board.spent)} now"
        if board.spent != self.overview.spent:
            text += f", {money.dollars(self.overview.spent)} in all"
        if self.cap is not None:
            text += f", of {money.dollars(self.cap)} at most"
        if board.refunded:
            text += f"; {money.dollars(board.refunded)} refunded"
        if self.overview.at_stake:
            text += f"; {money.dollars(self.overview.at_stake)} in flight or unknown"
        return text

    def _reasons(self) -> str:
        most = Counter(self.failures.codes).most_common(8)
        codes = ", ".join(f"{printable(code)} {count:,}" for code, count in most)
        again = self.failures.transient
        return f"{codes}; {again:,} may go better now" if again else codes

    def fields(self, board: Board, seconds: float) -> dict[str, object]:
        """Return it for programs."""
        return {
            "seconds": round(seconds, 1),
            "ended": board.ended,
            "counts": {str(status): n for status, n in self.overview.counts.items()},
            "credits": board.spent,
            "credits_in_all": self.overview.spent,
            "refunded": board.refunded,
            "at_stake": self.overview.at_stake,
            "to_save": self.overview.to_save,
            "cap": self.cap,
            "failures": dict(self.failures.codes),
            "retryable": self.failures.transient,
            "folder": str(self.folder.path),
            "report": str(self.folder.report()),
        }


def ending_of(folder: RunFolder, cap: Decimal | None) -> Ending:
    """
    Write the manifest and the report of the run, and return how it stands.

    Raises:
        DiskError: One of them cannot be written.
    """
    counts: Counter[Status] = Counter()
    try:
        with Journal.reading(folder.journal) as known:
            ending = _read(folder, known, cap)
            write_manifest(folder, _counted(map(entry_of, rows_of(known)), counts))
            summary = _summary(ending, counts)
            write_report(folder, summary, map(entry_of, rows_of(known)))
    except OSError as error:
        raise DiskError(
            f"The manifest and the report in {printable(str(folder.path))} cannot be "
            f"written: {error.strerror}. What was bought is in the journal; the same "
            "command writes them."
        ) from None
    return ending


def _read(folder: RunFolder, known: Reader, cap: Decimal | None) -> Ending:
    overview, failures = overview_of(known), failures_of(known)
    settings = folder.read()
    steps = next_steps(
        folder.path,
        overview,
        failures,
        sheet=settings.sheet if settings else "SHEET",
        owner=known.owner(),
    )
    return Ending(
        folder=folder,
        overview=overview,
        failures=failures,
        cap=cap,
        steps=tuple(steps),
    )


def _counted(entries: Iterable[Entry], counts: Counter[Status]) -> Iterator[Entry]:
    """Count *entries* on their way: the report is about all of them."""
    for entry in entries:
        counts[entry.status] += 1
        yield entry


def _summary(ending: Ending, counts: Counter[Status]) -> Summary:
    return Summary(
        title=ending.folder.path.absolute().name,
        counts=counts,
        spent=ending.overview.spent,
        committed=ending.overview.at_stake,
        cap=ending.cap,
        prices=money.tables()[0]["dated"],
        steps=ending.steps,
    )


def codes_of(overview: Overview) -> Iterator[Exit]:
    """Tell what is left, in exit codes."""
    if any(overview.counts.get(status) for status in BAD):
        yield Exit.SOME_FAILED
    if overview.counts.get(Status.UNKNOWN):
        yield Exit.UNKNOWN
