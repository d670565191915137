"""Whether to spend: somebody says so at the terminal, or did so on the command line."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from enum import Enum

import click

from aivideo_async.cli import money
from aivideo_async.cli.console import Console
from aivideo_async.cli.exits import NotAgreedError
from aivideo_async.cli.plan.screen import labelled
from aivideo_async.cli.run.terms import Terms

__all__ = ["SAMPLE", "Answer", "agree"]

SAMPLE = 10
"""How many pictures are a sample."""


class Answer(Enum):
    """What somebody agreed to."""

    ALL = "all"
    SAMPLE = "sample"


def agree(
    console: Console,
    terms: Terms,
    cost: Decimal,
    committed: Decimal,
    *,
    sample: bool = False,
) -> Answer:
    """
    Ask before spending *cost* credits, unless the command line answers.

    Args:
        console: Tells whether somebody can be asked.
        terms: Say whether that is needed.
        cost: The most that it can be.
        committed: What the run has spent, or has at stake; it counts for the limit.
        sample: Whether a sample is offered, too.

    Raises:
        NotAgreedError: Nobody is there to be asked, or the answer is no.
    """
    most = cost
    if terms.cap is not None and terms.cap < committed + cost:
        console.screen(labelled("Limit", _too_little(terms.cap, committed, cost)))
        most = max(Decimal(0), terms.cap - committed)
    if terms.yes or not most:
        return Answer.ALL
    if not console.can_ask:
        if terms.cap is not None:
            return Answer.ALL
        raise NotAgreedError(
            f"{money.credits(cost)} would be spent, and there is no terminal to ask on: "
            f"add --yes, or {_limit(committed, cost)}. Nothing was sent."
        )
    others = f"/s = a sample of {SAMPLE}" if sample else ""
    question = f"Spend up to {money.dollars(most)}? [y/N{others}]"
    answer = click.prompt(
        question, "n", show_default=False, prompt_suffix=" ", err=True
    )
    word = answer.strip().casefold()
    if word in ("y", "yes"):
        return Answer.ALL
    if sample and word in ("s", "sample"):
        return Answer.SAMPLE
    raise NotAgreedError("not agreed to. Nothing was sent.")


def _too_little(cap: Decimal, committed: Decimal, cost: Decimal) -> str:
    so_far = f", {money.dollars(committed)} of it used so far" if committed else ""
    return (
        f"{money.credits(cap)} for the whole run{so_far}: at that it stops. For all, "
        f"{_limit(committed, cost)}"
    )


def _limit(committed: Decimal, cost: Decimal) -> str:
    """Name the limit that lets all be bought, in dollars, up to the next cent."""
    most = money.in_dollars(committed + cost).quantize(Decimal("0.01"), ROUND_CEILING)
    so_far = (
        f" ({money.dollars(committed)} of it for what is bought)" if committed else ""
    )
    return f"--max-cost {most} as a limit{so_far}"
