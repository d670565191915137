"""
What a run would do: every row of the sheet against what the journal knows of its key.

Planning reads the sheet once and sends nothing. Written into the journal, a plan is what
a run buys from, so that a run goes on without its sheet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import islice

from attrs import Factory, define, frozen

from aivideo_async.bulk.items import Item, ItemReader
from aivideo_async.bulk.manifest import Status
from aivideo_async.bulk.naming import NamePattern
from aivideo_async.bulk.orders import DEFAULTS, Defaults
from aivideo_async.bulk.rows import Problem, Problems
from aivideo_async.bulk.selection import Condition, sample, selected, unknown_columns
from aivideo_async.bulk.sheet import Sheet
from aivideo_async.bulk.standing import status_of
from aivideo_async.journal import (
    Journal,
    PlannedRow,
    Reader,
    Record,
    Seen,
    State,
    fingerprint,
)
from aivideo_async.models.money import from_milli, milli
from aivideo_async.models.requests import GenerationRequest

__all__ = ["Plan", "Selection", "make_plan", "sample_of", "write_plan"]

CHUNK = 500
"""Rows that are written in one transaction."""

NOTHING_PAID = (Status.FAILED, Status.REFUSED, Status.INVALID)
"""Rows that may be bought anew without paying for them twice."""

PriceOf = Callable[[GenerationRequest], Decimal | None]


@frozen(kw_only=True)
class Selection:
    """
    How a sheet is read, and which of its rows are wanted.

    Attributes:
        defaults: What counts where a row says nothing.
        pattern: What the files are called; None for one that suits each row.
        where: Conditions, all of which a row has to meet.
        limit: Only so many pictures, from the top.
        sample: Only so many pictures of these, spread evenly.
        keys: Only these pictures; None for all.
        redo: Whether what was bought is bought again if its row has changed.
    """

    defaults: Defaults = DEFAULTS
    pattern: NamePattern | None = None
    where: tuple[Condition, ...] = ()
    limit: int | None = None
    sample: int | None = None
    keys: Container[str] | None = None
    redo: bool = False


@define
class Plan:
    """
    What there is to do.

    Attributes:
        problems: What is wrong with the sheet; with an error in it nothing is bought.
        counts: How many of the wanted pictures stand how.
        committed: Credits that the whole run has spent, or has in flight or unknown.
        to_save: How many of those that are ready are not on this disk yet.
        cost: What those cost that are to be bought, in credits, at most.
        unpriced: How many of these have no known price.
        by_resolution: How many are to be bought of each resolution, and for how much.
        changed: Keys whose row asks for something else than was bought, and that stay.
        held: How many rows have changed while they are in flight or unknown.
        released: What is bought anew because its row has changed, as it was seen.
        skipped: How many rows say that they are to be skipped.
        examples: The first prompts that are to be bought, by their keys.
    """

    problems: Problems = Factory(Problems)
    counts: Counter[Status] = Factory(Counter)
    committed: Decimal = Decimal(0)
    to_save: int = 0
    cost: Decimal = Decimal(0)
    unpriced: int = 0
    by_resolution: dict[str, tuple[int, Decimal]] = Factory(dict)
    changed: list[str] = Factory(list)
    held: int = 0
    released: dict[str, Seen] = Factory(dict)
    skipped: int = 0
    examples: dict[str, str] = Factory(dict)

    @property
    def total(self) -> int:
        """How many pictures are wanted."""
        return self.counts.total()

    @property
    def to_buy(self) -> int:
        """How many are to be bought."""
        return self.counts[Status.QUEUED]


def make_plan(
    sheet: Sheet, selection: Selection, known: Reader | Journal | None, price: PriceOf
) -> Plan:
    """
    Compare *sheet* with what is *known* of an earlier run, if there was one.

    Args:
        sheet: What is wanted.
        selection: Which part of it.
        known: The run's journal.
        price: Tells what a request costs, in credits.
    """
    plan = Plan()
    if known is not None:
        plan.committed = from_milli(known.committed())
    if selection.where:
        for problem in unknown_columns(selection.where, _columns(sheet)):
            plan.problems.add(problem)
    reader = _reader(plan.problems, selection)
    for item in _items(sheet, selection, plan.problems, reader):
        status = _compared(plan, item, known, redo=selection.redo)
        plan.counts[status] += 1
        if status is Status.QUEUED:
            _add_purchase(plan, item, price(item.request))
    plan.skipped = reader.skipped
    if not (plan.problems.error_count or plan.total or plan.skipped):
        plan.problems.add(_nothing(selection))
    return plan


def _nothing(selection: Selection) -> Problem:
    """Warn that there is nothing to be made: that is seldom meant."""
    text = "The sheet has no row below its header."
    if selection.where:
        text = "No row meets the conditions."
    return Problem(None, None, text, warning=True)


def sample_of(
    sheet: Sheet,
    selection: Selection,
    known: Reader | Journal | None,
    wanted: int,
    total: int,
) -> frozenset[str]:
    """
    Return the keys of *wanted* of the *total* pictures that are to be bought.

    They are spread evenly, over those only: what was bought is no sample of the rest.
    """
    ignored = Plan()
    items = _items(
        sheet, selection, ignored.problems, _reader(ignored.problems, selection)
    )
    queued = (
        item.key
        for item in items
        if _compared(ignored, item, known, redo=selection.redo) is Status.QUEUED
    )
    return frozenset(sample(queued, wanted, total))


def _compared(
    plan: Plan, item: Item, known: Reader | Journal | None, *, redo: bool
) -> Status:
    """Tell how *item* stands, and note if its row asks for something else by now."""
    record = known.find(item.key) if known else None
    status = _standing(record)
    if status is Status.OK and record is not None:
        plan.to_save += record.state is State.DONE
    if record is None or record.fingerprint == asked_for(item.request):
        return status
    return _changed(plan, item.key, record, status, redo=redo)


def _standing(record: Record | None) -> Status:
    if record is None:
        return Status.QUEUED
    http = record.evidence.status if record.evidence is not None else None
    return status_of(record.state, record.word, http)


def _changed(
    plan: Plan, key: str, record: Record, status: Status, *, redo: bool
) -> Status:
    """Note that a row asks for something else now; return how it stands then."""
    if status is Status.QUEUED:
        return status
    if status in NOTHING_PAID or (redo and status is Status.OK):
        plan.released[key] = record.seen
        return Status.QUEUED
    if status is Status.OK:
        plan.changed.append(key)
    else:
        plan.held += 1
    return status


def _add_purchase(plan: Plan, item: Item, price: Decimal | None) -> None:
    plan.unpriced += price is None
    plan.cost += price or 0
    count, cost = plan.by_resolution.get(item.request.resolution, (0, Decimal(0)))
    plan.by_resolution[item.request.resolution] = count + 1, cost + (price or 0)
    if len(plan.examples) < 3:
        plan.examples[item.key] = item.request.prompt or ""


async def write_plan(
    sheet: Sheet, selection: Selection, journal: Journal, price: PriceOf
) -> int:
    """
    Write the plan into *journal*, in place of the one before; return how long it is.

    Raises:
        JournalError: It cannot be written; nothing was sent.
    """
    await journal.forget_plan()
    problems = Problems()
    items = _items(sheet, selection, problems, _reader(problems, selection))
    start = 0
    for chunk in _chunks(items, CHUNK):
        await journal.plan(start, [_planned(item, price) for item in chunk])
        start += len(chunk)
    return start


def asked_for(request: GenerationRequest) -> str:
    """Return the fingerprint of what *request* asks for."""
    return fingerprint(request.endpoint, request.body())


def _planned(item: Item, price: PriceOf) -> PlannedRow:
    credits = price(item.request)
    return PlannedRow(
        key=item.key,
        sku=item.sku,
        variant=item.variant,
        line=item.line,
        name=item.name,
        cells=item.cells,
        model=item.request.model,
        path=item.request.endpoint,
        body=item.request.body(),
        fingerprint=asked_for(item.request),
        price=None if credits is None else milli(credits),
    )


def _reader(problems: Problems, selection: Selection) -> ItemReader:
    return ItemReader(problems, defaults=selection.defaults, pattern=selection.pattern)


def _items(
    sheet: Sheet, selection: Selection, problems: Problems, reader: ItemReader
) -> Iterator[Item]:
    """Read the wanted items; the sheet is read to its end, to find all its problems."""
    items = selected(reader.items(sheet.rows(problems)), selection.where)
    wanted: Iterable[Item] = items
    if selection.limit is not None:
        wanted = islice(wanted, selection.limit)
    if selection.sample is not None:
        total = _count(sheet, selection)
        wanted = sample(wanted, selection.sample, total)
    keys = selection.keys
    yield from (item for item in wanted if keys is None or item.key in keys)
    for _ in items:
        pass


def _columns(sheet: Sheet) -> Iterable[str]:
    """Return the names of all columns; of JSON lines, each may have others."""
    rows = sheet.rows(Problems())
    return dict.fromkeys(name for row in rows for name in row.cells)


def _count(sheet: Sheet, selection: Selection) -> int:
    problems = Problems()
    reader = _reader(problems, selection)
    items = selected(reader.items(sheet.rows(problems)), selection.where)
    return sum(1 for _ in islice(items, selection.limit))


def _chunks(items: Iterator[Item], size: int) -> Iterator[Sequence[Item]]:
    while chunk := [*islice(items, size)]:
        yield chunk
