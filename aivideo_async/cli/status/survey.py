"""What the journal tells of a run, at one moment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from attrs import frozen

from aivideo_async.bulk.contact import NextStep
from aivideo_async.bulk.folder import RunFolder
from aivideo_async.bulk.manifest import Status
from aivideo_async.bulk.overview import Failures, Overview, failures_of, overview_of
from aivideo_async.cli.runs import command, next_steps, reading
from aivideo_async.cli.status.pace import MOST, Pace, pace_of
from aivideo_async.journal import Owner, Record
from aivideo_async.models.money import from_milli
from aivideo_async.models.tasks import Task

__all__ = ["Survey", "survey"]


@frozen(kw_only=True)
class Survey:
    """
    How a run stands.

    Attributes:
        path: Its folder, as it was named.
        holder: Who carries it out now; None if nobody does.
        overview: How many pictures stand how, and the money.
        failures: What ended badly.
        unknown: What may have been paid for, and nobody knows; the oldest first.
        pace: How fast it goes.
        steps: What to do next.
    """

    path: Path
    holder: Owner | None
    overview: Overview
    failures: Failures
    unknown: tuple[Record, ...]
    pace: Pace
    steps: tuple[NextStep, ...]

    @property
    def ready(self) -> int:
        """How many pictures there are."""
        return self.overview.counts.get(Status.OK, 0)

    @property
    def each(self) -> Decimal | None:
        """What a picture cost, in credits, on average; None if there is none."""
        return self.overview.spent / self.ready if self.ready else None

    @property
    def eta(self) -> float | None:
        """In how many seconds it will be done, if that can be said."""
        return self.pace.eta(self.overview.total - self.overview.ended)

    @property
    def is_over(self) -> bool:
        """Whether nobody works on it and nothing is left to be bought."""
        return self.holder is None and self.overview.ended == self.overview.total

    @property
    def at_risk(self) -> Decimal:
        """Credits that were paid at most for what is unknown."""
        return from_milli(sum(record.price or 0 for record in self.unknown))


def survey(path: Path, now: datetime) -> Survey:
    """
    Look at the run at *path*; disturbs nobody and needs no network.

    Raises:
        UnusableError: There is no run.
        JournalError: It cannot be read.
    """
    with reading(path) as known:
        owner = known.owner()
        holder = owner if known.is_held else None
        overview, failures = overview_of(known), failures_of(known)
        ready = known.latest(MOST)
        unknown = tuple(known.unknown())
    return Survey(
        path=path,
        holder=holder,
        overview=overview,
        failures=failures,
        unknown=unknown,
        pace=pace_of(
            [*durations(ready)],
            [record.ended_at for record in ready if record.ended_at],
            now,
            None if holder is None else holder.since,
        ),
        steps=tuple(_steps(path, holder, owner, overview, failures)),
    )


def durations(records: Iterable[Record]) -> Iterator[float]:
    """Yield how many seconds each task took, by the service's clock."""
    for record in records:
        task = Task.from_json(record.answer)
        if task.created_at and task.completed_at:
            yield (task.completed_at - task.created_at).total_seconds()


def _steps(
    path: Path,
    holder: Owner | None,
    owner: Owner | None,
    overview: Overview,
    failures: Failures,
) -> Iterator[NextStep]:
    if holder is not None:
        yield NextStep(command("status", str(path), "--watch"), "to go on looking")
        return
    settings = RunFolder(path).read()
    sheet = settings.sheet if settings else "products.csv"
    yield from next_steps(path, overview, failures, sheet=sheet, owner=owner)
