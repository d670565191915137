"""
Scenarios: how the emulated service behaves, as data.

A `Scenario` says how long tasks take, how many fail, which limits the key has, and
which `Rule` lets which request meet which act. The core reads it and holds no
knowledge of any scenario by name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

from attrs import converters, field, frozen
from attrs.validators import optional

from aivideo_async.emulator import acts
from aivideo_async.emulator.checks import amount, are_credits, number, one_of
from aivideo_async.emulator.rules import Rule

__all__ = ["SCENARIOS", "RetryAfter", "Scenario", "named"]

RetryAfter = Literal["seconds", "date"]

LARGEST_SPREAD = 10.0
"""With it one task in six takes 20,000 times its median, or more."""

YEARS = 1e9
"""Seconds; beyond these thirty years dates begin to fail."""


@frozen(kw_only=True)
class Scenario:
    """
    How the emulated service behaves.

    Tasks take a log-normal time: half of them less than *median* seconds, nearly all
    (95 %) less than 1.8 times that with the default *spread*. These are seconds at
    real speed, as is all that the service does by itself (callbacks, the ends of spend
    windows and of addresses); the emulator divides them by its ``speed``. All other
    times are the client's own seconds.

    Args:
        name: What to call it.
        about: What it does, in a line.
        median: The median duration of a task, in seconds.
        spread: The standard deviation of the duration's logarithm; 0 for no spread.
        failure_share: The share of tasks that fail, by chance; they are refunded.
        rules: Which request meets which act, the first that fires wins.
        balance: Credits at the start.
        spend_limit: Credits that the key may spend in all; None for no limit.
        spend_limit_hourly: Credits that it may spend in any hour.
        spend_limit_daily: Credits that it may spend in any day. Which kind of window
            the service has is not documented; here it rolls, and a refund gives no room
            back.
        rate: Requests per second that the key may make; None for no limit.
        burst: Requests that may come at once; None for a second's worth.
        retry_after: What a 429 of the rate limit says: nothing (None), ``seconds``,
            or an HTTP ``date``, which is by the Date header of the same answer.
        url_lifetime: Seconds for which the address of a file is valid. The service says
            so of videos; for pictures it is an assumption.
        price_table: Which of the catalogue's price tables is charged: 0 is that of the
            service's own page, 1 that of other copies of it.
        clock_skew: Seconds by which the clock is ahead that stamps the ends of tasks and
            callbacks; not the one that stamps their creation.

    Raises:
        ValueError: A number that makes no sense; the text names it.

    Example:
        >>> half = Scenario(failure_share=0.5, rules=(Rule("create", acts.DROPPED, nth=2),))
        >>> half.balance
        Decimal('10000')
    """

    name: str = "custom"
    about: str = field(default="", eq=False)
    median: float = field(default=8.0, validator=number())
    spread: float = field(default=0.35, validator=number(most=LARGEST_SPREAD))
    failure_share: float = field(default=0.0, validator=number(most=1))
    rules: tuple[Rule, ...] = ()
    balance: Decimal = field(
        default=Decimal(10_000), converter=amount, validator=are_credits
    )
    spend_limit: Decimal | None = field(
        default=None,
        converter=converters.optional(amount),
        validator=optional(are_credits),
    )
    spend_limit_hourly: Decimal | None = field(
        default=None,
        converter=converters.optional(amount),
        validator=optional(are_credits),
    )
    spend_limit_daily: Decimal | None = field(
        default=None,
        converter=converters.optional(amount),
        validator=optional(are_credits),
    )
    rate: float | None = field(default=None, validator=optional(number(above=True)))
    burst: float | None = field(default=None, validator=optional(number(least=1)))
    retry_after: RetryAfter | None = field(
        default=None, validator=one_of(None, "seconds", "date")
    )
    url_lifetime: float = field(
        default=86_400.0, validator=number(above=True, most=YEARS)
    )
    price_table: int = field(default=0, validator=one_of(0, 1))
    clock_skew: float = field(default=0.0, validator=number(least=-YEARS, most=YEARS))


_FLAKY = (
    Rule("create", acts.refuse("upstream_error"), share=0.02),
    Rule("task", acts.BAD_GATEWAY, share=0.02),
    Rule("task", acts.DROPPED, share=0.02),
)

_STORM = (
    Rule("create", acts.becoming(calls=0), every=7),
    Rule("create", acts.becoming(calls=3), every=3),
    Rule("create", acts.becoming(call_delay=120.0), every=2),
)

_ODD = (
    Rule("create", acts.ODD_CODE, every=7),
    Rule("create", acts.becoming(empty=True), every=5),
    Rule("task", acts.refuse("task_not_found"), nth=1),
    Rule("task", acts.edit(status="reviewing", progress="12%"), every=3),
    Rule("task", acts.without("progress"), every=4),
    Rule("task", acts.edit(progress=50), every=5),
    Rule("task", acts.edit(error="Generation failed"), every=2),
)

SCENARIOS: Mapping[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        Scenario(name="steady", about="all is well"),
        Scenario(
            name="lost-reply",
            about="every fifth create is charged and its answer lost",
            rules=(Rule("create", acts.LOST_REPLY, every=5),),
        ),
        Scenario(
            name="charged-500",
            about="every fifth create is charged and answered 500",
            rules=(
                Rule("create", acts.refuse("internal_error", charged=True), every=5),
            ),
        ),
        Scenario(
            name="rate-limited",
            about="5 requests per second pass; a 429 says how long to wait",
            rate=5.0,
            burst=5.0,
            retry_after="seconds",
        ),
        Scenario(
            name="rate-limited-silent",
            about="5 requests per second pass; a 429 says nothing",
            rate=5.0,
            burst=5.0,
        ),
        Scenario(
            name="flaky",
            about="some of everything fails: tasks, creates, looks, connections",
            failure_share=0.05,
            rules=_FLAKY,
        ),
        Scenario(
            name="slow",
            about="half of the tasks take 3 minutes, one in twenty over 5",
            median=170.0,
        ),
        Scenario(
            name="stuck",
            about="no task ever ends",
            rules=(Rule("create", acts.becoming(seconds=math.inf)),),
        ),
        Scenario(
            name="refused",
            about="every task fails and is refunded",
            failure_share=1.0,
        ),
        Scenario(
            name="broke",
            about="credits for ten pictures of 1k",
            balance=Decimal(24),
        ),
        Scenario(
            name="spend-limit",
            about="a key that may spend 24 credits in all",
            spend_limit=Decimal(24),
        ),
        Scenario(
            name="outage",
            about="a minute of HTML 502, two seconds in",
            rules=(Rule("any", acts.BAD_GATEWAY, between=(2.0, 62.0)),),
        ),
        Scenario(
            name="expired-urls",
            about="the first address of each file has expired; a second look helps",
            rules=(Rule("create", acts.becoming(expired=True)),),
        ),
        Scenario(
            name="truncated-download",
            about="the first download of each file breaks off",
            rules=(Rule("create", acts.becoming(truncated=True)),),
        ),
        Scenario(
            name="callback-storm",
            about="callbacks come three times, late, out of order or never",
            rules=_STORM,
        ),
        Scenario(
            name="clock-skew",
            about="tasks end an hour before they began; a 429 tells a date",
            clock_skew=-3600.0,
            rate=5.0,
            burst=5.0,
            retry_after="date",
        ),
        Scenario(
            name="odd-shapes",
            about="unknown statuses, odd progress, no files, 200 around an error",
            failure_share=0.1,
            rules=_ODD,
        ),
    )
}
"""The scenarios by name; what each does is in its ``about``."""


def named(name: str) -> Scenario:
    """
    Return the scenario of that *name*.

    Raises:
        ValueError: There is none; the text lists those there are.
    """
    try:
        return SCENARIOS[name]
    except KeyError:
        raise ValueError(
            f"scenario={name!r} is not known: use {', '.join(SCENARIOS)}, "
            "or pass a Scenario."
        ) from None
