"""On which terms pictures are bought, as the command line says."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import click
from attrs import frozen

from aivideo_async.cli.money import DOLLARS_PER_CREDIT

__all__ = ["Terms"]


@frozen(kw_only=True)
class Terms:
    """
    On which terms pictures are bought.

    Attributes:
        cap: Credits that the whole run may spend, earlier commands included; or None.
        yes: Whether nobody is to be asked.
        max_in_flight: How many are made at once.
        rate: Requests per second; None learns the limit.
        drain: Seconds for which a first Ctrl-C collects; None for as many as it takes.
        download: Whether the pictures are saved.
        waits: Whether to wait until a limit on the money clears.
    """

    cap: Decimal | None
    yes: bool
    max_in_flight: int
    rate: float | None
    drain: float | None
    download: bool
    waits: bool

    @classmethod
    def taken(cls, about: dict[str, Any]) -> Terms:
        """Take those of `aivideo_async.cli.run.options` out of *about*."""
        return cls(
            cap=_cap(about.pop("max_cost"), about.pop("max_credits")),
            yes=about.pop("yes"),
            max_in_flight=about.pop("max_in_flight"),
            rate=about.pop("rate"),
            drain=about.pop("drain"),
            download=not about.pop("no_download"),
            waits=about.pop("on_spend") == "wait",
        )

    def options(self) -> Mapping[str, Any]:
        """Return them as options of `aivideo_async.AsyncClient`."""
        return {
            "max_in_flight": self.max_in_flight,
            "rate": self.rate,
            "max_credits": self.cap,
        }


def _cap(dollars: Decimal | None, credits: Decimal | None) -> Decimal | None:
    if dollars is None:
        return credits
    if credits is not None:
        raise click.UsageError("Give --max-cost or --max-credits, not both.")
    return dollars / DOLLARS_PER_CREDIT
