"""The end of a run: the manifest, the report, what it cost, and what to do next."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import Decimal

from attrs import Factory, define, frozen

from aivideo_async.bulk.contact import NextStep, Summary, write_report
from aivideo_async.bulk.folder import RunFolder, RunSettings
from aivideo_async.bulk.manifest import Entry, Status, write_manifest
from aivideo_async.bulk.overview import Overview, overview_of
from aivideo_async.bulk.run import rows_of
from aivideo_async.bulk.standing import entry_of
from aivideo_async.cli import money
from aivideo_async.cli.exits import DiskError, Exit
from aivideo_async.cli.plan.screen import labelled
from aivideo_async.cli.run.board import Board, duration, price_of_entry
from aivideo_async.journal import Journal
from aivideo_async.models.text import printable

__all__ = ["Ending", "Tally", "codes_of", "ending_of"]

BAD = (Status.FAILED, Status.REFUSED, Status.INVALID)


@define
class Tally:
    """
    What the lines of a manifest add up to.

    Attributes:
        counts: How many pictures stand how.
        reasons: How many failed why, and whether trying again may help.
        retryable: What it costs to buy again what may go better.
    """

    counts: Counter[Status] = Factory(Counter)
    reasons: Counter[tuple[str, bool]] = Factory(Counter)
    retryable: list[Decimal] = Factory(list)

    def over(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Add up *entries* on their way."""
        for entry in entries:
            self.counts[entry.status] += 1
            if entry.status in BAD:
                again = bool(entry.retryable)
                self.reasons[entry.error_code or str(entry.status), again] += 1
                if again:
                    self.retryable.append(price_of_entry(entry))
            yield entry


@frozen
class Ending:
    """
    How a run stands in the end.

    Attributes:
        folder: Where it lies.
        overview: Its counts and its money.
        tally: Its failures.
        settings: What was fixed when it began.
        cap: Credits that it may spend, or None.
    """

    folder: RunFolder
    settings: RunSettings | None
    overview: Overview
    tally: Tally
    cap: Decimal | None

    def steps(self) -> Iterator[NextStep]:
        """Say what to do next, most urgent first."""
        path = shlex.quote(str(self.folder.path))
        left = self.overview.counts.get(Status.QUEUED, 0)
        if left and self.settings is not None and self.settings.sheet != "-":
            sheet = shlex.quote(self.settings.sheet)
            yield NextStep(
                f"aivideo run {sheet} -o {path}", f"goes on with {money.pictures(left)}"
            )
        unknown = self.overview.counts.get(Status.UNKNOWN, 0)
        if unknown:
            yield NextStep(
                f"aivideo resolve {path}",
                f"{money.pictures(unknown)} that may have been paid for: decide",
            )
        again = self.tally.retryable
        if again:
            cost = money.dollars(sum(again, Decimal(0)))
            yield NextStep(
                f"aivideo retry {path}", f"{money.pictures(len(again))}, at most {cost}"
            )
        bad = sum(self.overview.counts.get(status, 0) for status in BAD)
        if bad > len(again):
            yield NextStep(
                f"aivideo retry {path} --all", "also what failed for good, as it is"
            )

    def lines(self, board: Board, seconds: float, *, stopped: bool) -> Iterator[str]:
        """Lay it out for people, most important last."""
        yield ""
        yield self._headline(seconds, nothing=not board.ended, stopped=stopped)
        yield from labelled("Spent", self._spent(board))
        if self.tally.reasons:
            yield from labelled("Failed", self._reasons())
        yield f"Pictures   {printable(str(self.folder.images))}"
        yield f"Manifest   {printable(str(self.folder.manifest_csv))}"
        yield f"Report     {self.folder.report().absolute().as_uri()}"
        label = "Next"
        for step in self.steps():
            yield f"{label:<10} {printable(step.command)}"
            yield f"{'':<10}   {step.purpose}"
            label = ""

    def _headline(self, seconds: float, *, nothing: bool, stopped: bool) -> str:
        counts = ", ".join(
            f"{self.overview.counts[status]:,} {status.replace('_', ' ')}"
            for status in Status
            if self.overview.counts.get(status)
        )
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
        return ", ".join(
            f"{printable(code)} {count:,}{' (may go better)' * again}"
            for (code, again), count in self.tally.reasons.most_common(8)
        )

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
            "cap": self.cap,
            "retryable": len(self.tally.retryable),
            "folder": str(self.folder.path),
            "report": str(self.folder.report()),
        }


def ending_of(folder: RunFolder, cap: Decimal | None) -> Ending:
    """
    Write the manifest and the report of the run, and return how it stands.

    Raises:
        DiskError: One of them cannot be written.
    """
    tally = Tally()
    try:
        with Journal.reading(folder.journal) as known:
            ending = Ending(folder, folder.read(), overview_of(known), tally, cap)
            write_manifest(folder, tally.over(map(entry_of, rows_of(known))))
            write_report(folder, _summary(ending), map(entry_of, rows_of(known)))
    except OSError as error:
        raise DiskError(
            f"The manifest and the report in {printable(str(folder.path))} cannot be "
            f"written: {error.strerror}. What was bought is in the journal; the same "
            "command writes them."
        ) from None
    return ending


def _summary(ending: Ending) -> Summary:
    settings = ending.settings
    return Summary(
        title=ending.folder.path.absolute().name,
        counts=ending.tally.counts,
        spent=ending.overview.spent,
        committed=ending.overview.at_stake,
        cap=ending.cap,
        prices=settings.prices if settings else money.tables()[0]["dated"],
        steps=tuple(ending.steps()),
    )


def codes_of(overview: Overview) -> Iterator[Exit]:
    """Tell what is left, in exit codes."""
    if any(overview.counts.get(status) for status in BAD):
        yield Exit.SOME_FAILED
    if overview.counts.get(Status.UNKNOWN):
        yield Exit.UNKNOWN
