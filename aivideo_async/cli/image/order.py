"""
What ``aivideo image`` is to buy: checked, priced and agreed to before anything is sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import click
from attrs import frozen

from aivideo_async import GenerationRequest, GptImage2
from aivideo_async.cli import money
from aivideo_async.cli.console import Console
from aivideo_async.cli.exits import NotAgreedError

__all__ = ["CONFIRM_ABOVE", "Order", "total"]

CONFIRM_ABOVE = Decimal(1)  # dollars


@frozen
class Order:
    """
    What to buy.

    Attributes:
        requests: One for each picture.
        timeout: Seconds to wait for each, or None.
    """

    requests: list[GptImage2]
    timeout: float | None = None

    @classmethod
    def of(
        cls,
        prompts: Iterable[str | None],
        count: int,
        about: dict[str, Any],
        timeout: float | None,
    ) -> Order:
        """
        Order *count* pictures of each prompt.

        Raises:
            InvalidRequestError: A prompt or an option breaks a rule.
        """
        wanted = [GptImage2(prompt, **about) for prompt in prompts]
        return cls([request for request in wanted for _ in range(count)], timeout)

    @property
    def price(self) -> Decimal:
        """Credits, by the table."""
        return total(self.requests)

    def announce(self, console: Console) -> None:
        """Tell what it will cost, before anything is sent."""
        count = len(self.requests)
        console.record(
            "plan",
            pictures=count,
            credits=self.price,
            dollars=money.in_dollars(self.price),
            estimate=True,
        )
        console.note(f"{money.pictures(count)}, about {money.credits(self.price)}")

    def confirm(self, console: Console, *, yes: bool) -> None:
        """
        Ask before spending more than a little.

        Raises:
            NotAgreedError: Nobody is there to be asked, or the answer is no.
        """
        if yes or self.price * money.DOLLARS_PER_CREDIT <= CONFIRM_ABOVE:
            return
        dollars = money.dollars(self.price)
        if not console.can_ask:
            raise NotAgreedError(
                f"About {dollars} is more than ${CONFIRM_ABOVE}, and there is no "
                "terminal to ask on: add --yes. Nothing was sent."
            )
        if not click.confirm(f"Spend about {dollars}?", err=True):
            raise NotAgreedError("not agreed to. Nothing was sent.")


def total(requests: Iterable[GenerationRequest]) -> Decimal:
    """Add up the prices of *requests*, by the table."""
    return sum((request.price or Decimal(0) for request in requests), Decimal(0))
