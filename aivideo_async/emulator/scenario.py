"""
Scenarios: how the emulated service behaves, as data.

A `Scenario` says how long tasks take, how many fail, which limits the key has, and
which `Rule` lets which request meet which act. The core reads it and holds no
knowledge of any scenario by name.

Rules see a request only after it passed the key check and the rate limit. Each rule
counts for itself what it sees; when several would fire, the first in order does.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from attrs import converters, field, frozen, validators

from aivideo_async.emulator import acts
from aivideo_async.emulator.acts import Act

if TYPE_CHECKING:
    import random

__all__ = ["SCENARIOS", "Place", "RetryAfter", "Rule", "RuleBook", "Scenario", "named"]

Place = Literal["create", "task", "credits", "file"]
Where = Literal["create", "task", "credits", "file", "any"]
RetryAfter = Literal["seconds", "date"]


def _numbers(value: int | Container[int] | None) -> Container[int] | None:
    return (value,) if isinstance(value, int) else value


def _credits(value: Decimal | float | str) -> Decimal:
    return Decimal(str(value))


@frozen
class Rule:
    """
    Which requests meet an act.

    Without a condition every request does; with several, all must hold.

    Args:
        where: ``create``, ``task``, ``credits``, ``file``, or ``any`` of them.
        act: What happens to them; see `aivideo_async.emulator.acts`.
        nth: Only these requests to that place, counted from 1: a number, or several
            such as ``(2, 3)`` or ``range(10, 20)``.
        every: Only each so-many-th request to that place.
        share: Only this share of them, by chance, from 0 to 1.
        between: Only from this to that second after the emulator's first request.
        times: Fire at most this often.

    Example:
        >>> lost = Rule("create", acts.LOST_REPLY, nth=3)
        >>> busy = Rule("task", acts.refuse("internal_error"), share=0.1, times=5)
    """

    where: Where = field(
        validator=validators.in_(("create", "task", "credits", "file", "any"))
    )
    act: Act
    nth: Container[int] | None = field(default=None, converter=_numbers, kw_only=True)
    every: int | None = field(default=None, kw_only=True)
    share: float | None = field(default=None, kw_only=True)
    between: tuple[float, float] | None = field(default=None, kw_only=True)
    times: int | None = field(default=None, kw_only=True)

    def fires(self, seen: int, fired: int, elapsed: float, rng: random.Random) -> bool:
        """Decide for the request number *seen* at that place, *elapsed* seconds in."""
        return (
            (self.times is None or fired < self.times)
            and (self.nth is None or seen in self.nth)
            and (self.every is None or seen % self.every == 0)
            and (self.between is None or self.between[0] <= elapsed < self.between[1])
            and (self.share is None or rng.random() < self.share)
        )


class RuleBook:
    """Keep count of what each rule has seen, and pick the act for a request."""

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self._rules = rules
        self._seen = [0] * len(rules)
        self._fired = [0] * len(rules)

    def pick(self, place: Place, elapsed: float, rng: random.Random) -> Act | None:
        """Return the act for a request to *place*, or None to serve it honestly."""
        act = None
        for index, rule in enumerate(self._rules):
            if rule.where not in (place, "any"):
                continue
            self._seen[index] += 1
            seen, fired = self._seen[index], self._fired[index]
            if act is None and rule.fires(seen, fired, elapsed, rng):
                self._fired[index] += 1
                act = rule.act
        return act


@frozen(kw_only=True)
class Scenario:
    """
    How the emulated service behaves.

    Tasks take a log-normal time: half of them less than *median* seconds, nearly all
    (95 %) less than 1.8 times that with the default *spread*. These are seconds at
    real speed; the emulator divides them by its ``speed``. All other times are the
    client's own seconds.

    Args:
        name: What to call it.
        median: The median duration of a task, in seconds.
        spread: The standard deviation of the duration's logarithm; 0 for no spread.
        failure_share: The share of tasks that fail, by chance; they are refunded.
        rules: Which request meets which act, the first that fires wins.
        balance: Credits at the start.
        spend_limit: Credits that the key may spend in all; None for no limit.
        rate: Requests per second that the key may make; None for no limit.
        burst: Requests that may come at once; None for a second's worth.
        retry_after: What a 429 of the rate limit says: nothing (None), ``seconds``,
            or an HTTP ``date``, which is by the Date header of the same answer.

    Example:
        >>> half = Scenario(failure_share=0.5, rules=(Rule("create", acts.DROPPED, nth=2),))
        >>> half.balance
        Decimal('10000')
    """

    name: str = "custom"
    median: float = field(default=8.0, validator=validators.ge(0))
    spread: float = field(default=0.35, validator=validators.ge(0))
    failure_share: float = 0.0
    rules: tuple[Rule, ...] = ()
    balance: Decimal = field(default=Decimal(10_000), converter=_credits)
    spend_limit: Decimal | None = field(
        default=None, converter=converters.optional(_credits)
    )
    rate: float | None = None
    burst: float | None = None
    retry_after: RetryAfter | None = field(
        default=None, validator=validators.in_((None, "seconds", "date"))
    )


SCENARIOS: Mapping[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        Scenario(name="steady"),
        Scenario(name="lost-reply", rules=(Rule("create", acts.LOST_REPLY, every=5),)),
        Scenario(name="rate-limited", rate=5.0, burst=5.0, retry_after="seconds"),
        Scenario(
            name="flaky",
            failure_share=0.05,
            rules=(
                Rule("create", acts.refuse("upstream_error"), share=0.02),
                Rule("task", acts.BAD_GATEWAY, share=0.02),
                Rule("task", acts.DROPPED, share=0.02),
            ),
        ),
        Scenario(name="broke", balance=Decimal(24)),
        Scenario(name="spend-limit", spend_limit=Decimal(24)),
        Scenario(
            name="outage", rules=(Rule("any", acts.BAD_GATEWAY, between=(2.0, 62.0)),)
        ),
        Scenario(name="refused", failure_share=1.0),
    )
}
"""
The scenarios by name.

``steady`` is well behaved; ``lost-reply`` charges every fifth create and drops the
connection; ``rate-limited`` lets 5 requests per second pass; ``flaky`` fails some of
everything; ``broke`` has credits for ten pictures of 1k, ``spend-limit`` a key that
may spend as much; ``outage`` is a minute of HTML 502, two seconds in; ``refused``
fails every task and refunds it.
"""


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
