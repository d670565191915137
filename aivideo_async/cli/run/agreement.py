"""Whether to spend: somebody says so at the terminal, or did so on the command line."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from enum import Enum

import click

from aivideo_async.cli import money
from aivideo_async.cli.console import Console
from aivideo_async.cli.exits import NotAgreedError
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
    *,
    sample: bool = False,
) -> Answer:
    """
    Ask before spending *cost* credits, unless the command line answers.

    Args:
        console: Tells whether somebody can be asked.
        terms: Say whether that is needed.
        cost: The most that it can be.
        sample: Whether a sample is offered, too.

    Raises:
        NotAgreedError: Nobody is there to be asked, or the answer is no.
    """
    if terms.yes:
        return Answer.ALL
    if not console.can_ask:
        if terms.cap is not None:
            return Answer.ALL
        raise NotAgreedError(
            f"{money.credits(cost)} would be spent, and there is no terminal to ask on: "
            f"add --yes, or --max-cost {_flag(cost)} as a limit. Nothing was sent."
        )
    others = f"/s = a sample of {SAMPLE}" if sample else ""
    most = cost if terms.cap is None else min(cost, terms.cap)
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


def _flag(cost: Decimal) -> Decimal:
    """Return *cost* in dollars, up to the next cent."""
    return money.in_dollars(cost).quantize(Decimal("0.01"), ROUND_CEILING)
