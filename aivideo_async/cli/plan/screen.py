"""A plan as people see it, within 80 columns, and as programs do. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import islice
from typing import Any

from aivideo_async.bulk.manifest import Status
from aivideo_async.bulk.plan import Plan
from aivideo_async.bulk.rows import Problem, Problems
from aivideo_async.cli import money
from aivideo_async.cli.words import cut, shortened
from aivideo_async.models.text import printable

__all__ = ["buying", "covered", "labelled", "lines", "record_of"]

SHOWN = 20
"""How many errors, and how many warnings, are shown; the rest is counted."""

WIDTH = 79

RESUMED = {
    Status.OK: "done",
    Status.IN_FLIGHT: "in flight (collected, free)",
    Status.UNKNOWN: "unknown (see: aivideo resolve)",
    Status.FAILED: "failed",
    Status.REFUSED: "refused",
    Status.INVALID: "not valid",
    Status.SKIPPED: "settled (counts as spent)",
}
"""How what an earlier run left is put, in this order."""


def lines(source: str, plan: Plan, balance: Decimal | None) -> Iterator[str]:
    """Lay *plan* out, most important last."""
    name = "standard input" if source == "-" else printable(source)
    skipped = f", {plan.skipped:,} rows to be skipped" if plan.skipped else ""
    yield from labelled("Sheet", f"{name}: {money.pictures(plan.total)}{skipped}")
    yield from problems(plan.problems)
    if plan.problems.error_count:
        return
    yield from examples(plan.examples)
    yield from resumed(plan)
    if plan.to_buy:
        yield from buying(plan.to_buy, plan.by_resolution.items())
        yield from cost(plan, balance)
    else:
        yield from labelled("To buy", "nothing")


def problems(found: Problems) -> Iterator[str]:
    """Tell what is wrong with the sheet."""
    counts = [
        f"{count:,} {word}{'' if count == 1 else 's'}"
        for count, word in (
            (found.error_count, "error"),
            (found.warning_count, "warning"),
        )
        if count
    ]
    if counts:
        yield from labelled("Problems", ", ".join(counts))
    yield from _listed(found.errors, found.error_count, "error")
    yield from _listed(found.warnings, found.warning_count, "warning")


def _listed(found: list[Problem], count: int, word: str) -> Iterator[str]:
    for problem in islice(found, SHOWN):
        yield from _wrapped(f"{word}: {problem}", "  ", "    ")
    if count > SHOWN:
        yield f"  ... and {count - SHOWN:,} more"


def examples(prompts: dict[str, str]) -> Iterator[str]:
    """Show the first prompts that are to be bought."""
    label = "Examples" if len(prompts) > 1 else "Example"
    for key, prompt in prompts.items():
        text = printable(f"{label:<9} {shortened(key, 24)}: {prompt}")
        yield cut(text, WIDTH)
        label = ""


def resumed(plan: Plan) -> Iterator[str]:
    """Tell what an earlier run left."""
    found = [
        f"{plan.counts[status]:,} {word}"
        for status, word in RESUMED.items()
        if plan.counts[status]
    ]
    if plan.to_save:
        found.append(f"{plan.to_save:,} of them to be saved (free)")
    if found:
        yield from labelled("So far", ", ".join(found))
    if plan.changed:
        verb = "row asks" if len(plan.changed) == 1 else "rows ask"
        yield from labelled(
            "Changed",
            f"{len(plan.changed):,} {verb} for something else than was bought: "
            f"{_some(plan.changed)}. It is kept, unless --on-changed redo says so.",
        )
    if plan.released:
        yield from labelled("Changed", f"bought anew: {_some([*plan.released])}")
    if plan.held:
        yield from labelled(
            "Changed",
            f"{plan.held:,} more, in flight or unknown: as it is until that has ended.",
        )


def _some(keys: list[str]) -> str:
    more = f" and {len(keys) - 5:,} more" if len(keys) > 5 else ""
    return ", ".join(shortened(key, 30) for key in keys[:5]) + more


def buying(
    count: int, parts: Iterable[tuple[str, tuple[int, Decimal]]]
) -> Iterator[str]:
    """Tell how many pictures are to be bought, and of which resolution."""
    listed = ", ".join(
        f"{number:,} of {word} for {money.dollars(price)}"
        for word, (number, price) in sorted(parts)
    )
    yield from labelled("To buy", f"{money.pictures(count)}: {listed}")


def cost(plan: Plan, balance: Decimal | None) -> Iterator[str]:
    """Tell what it costs, and how far the balance goes."""
    dated = money.tables()[0]["dated"]
    yield from labelled(
        "Cost",
        f"{money.credits(plan.cost)} at most, by the price table of {dated}; what fails "
        "is refunded",
    )
    if plan.unpriced:
        yield from labelled("", f"and {plan.unpriced:,} whose price is not known")
    if balance is not None:
        short = covered(plan, balance)
        note = "" if short is None else f": covers about {short:,} of {plan.to_buy:,}"
        yield from labelled("Balance", f"{money.credits(balance)}{note}")


def covered(plan: Plan, balance: Decimal) -> int | None:
    """Tell how many pictures *balance* covers if it does not cover all."""
    if balance >= plan.cost:
        return None
    return int(balance * plan.to_buy / plan.cost)


def labelled(label: str, text: str) -> Iterator[str]:
    """Lay one fact out."""
    yield from _wrapped(text, f"{label:<9} ", " " * 10)


def _wrapped(text: str, first: str, rest: str) -> Iterator[str]:
    """Break *text* into lines by their columns, of which many a character takes two."""
    from rich.cells import cell_len, chop_cells

    start, line = first, ""
    for word in printable(text, len(text)).split():
        for part in chop_cells(word, WIDTH - len(rest)):
            longer = f"{line} {part}" if line else part
            if line and cell_len(start + longer) > WIDTH:
                yield start + line
                start, longer = rest, part
            line = longer
    if line:
        yield start + line


def record_of(source: str, plan: Plan, balance: Decimal | None) -> dict[str, Any]:
    """Return the fields of *plan* for ``--json``."""
    return {
        "sheet": source,
        "pictures": plan.total,
        "to_buy": plan.to_buy,
        "credits": plan.cost,
        "dollars": money.in_dollars(plan.cost),
        "estimate": True,
        "prices": money.tables()[0]["dated"],
        "balance": balance,
        "by_resolution": {
            word: {"pictures": count, "credits": credits}
            for word, (count, credits) in plan.by_resolution.items()
        },
        "counts": {
            str(status): count for status, count in plan.counts.items() if count
        },
        "to_save": plan.to_save,
        "skipped": plan.skipped,
        "changed": plan.changed,
        "redone": [*plan.released],
        "held": plan.held,
        "examples": plan.examples,
        "errors": plan.problems.error_count,
        "warnings": plan.problems.warning_count,
        "problems": [
            _problem(each) for each in (*plan.problems.errors, *plan.problems.warnings)
        ],
    }


def _problem(problem: Problem) -> dict[str, Any]:
    return {
        "line": problem.line,
        "column": problem.column,
        "text": printable(problem.text),
        "hint": printable(problem.hint),
        "warning": problem.warning,
    }
