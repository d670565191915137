"""
Rules: which request meets which act.

Rules see a request only after it passed the key check and the rate limit. Each rule
counts for itself what it sees; when several would fire, the first in order does.
"""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING, Literal

from attrs import field, frozen
from attrs.validators import optional

from aivideo_async.emulator.acts import Act
from aivideo_async.emulator.checks import number, one_of
from aivideo_async.errors import ConfigurationError
from aivideo_async.models.numbers import check_number

if TYPE_CHECKING:
    import random

__all__ = ["Place", "Rule", "RuleBook"]

Place = Literal["create", "task", "credits", "estimate", "file"]
Where = Literal["create", "task", "credits", "estimate", "file", "any"]


def _numbers(value: int | Container[int] | None) -> Container[int] | None:
    return (value,) if isinstance(value, int) else value


def _from_one(instance: object, field: object, value: Container[int] | None) -> None:
    for each in value if isinstance(value, tuple) else ():
        check_number("nth", each, least=1, whole=True)
    if value is not None and 0 in value:
        raise ConfigurationError(f"nth={value!r}: requests are counted from 1.")


def _in_order(
    instance: object, field: object, value: tuple[float, float] | None
) -> None:
    if value is not None and not (len(value) == 2 and 0 <= value[0] < value[1]):
        raise ConfigurationError(
            f"between={value!r}: use two seconds from 0, the earlier one first."
        )


@frozen
class Rule:
    """
    Which requests meet an act.

    Without a condition every request does; with several, all must hold.

    Args:
        where: ``create``, ``task``, ``credits``, ``estimate``, ``file``, or ``any``.
        act: What happens to them; see `aivideo_async.emulator.acts`.
        nth: Only these requests to that place, counted from 1: a number, or several
            such as ``(2, 3)`` or ``range(10, 20)``.
        every: Only each so-many-th request to that place.
        share: Only this share of them, by chance, from 0 to 1.
        between: Only from this to that second after the emulator's first request.
        times: Fire at most this often.

    Raises:
        ValueError: An unknown place, or a number that makes no sense.

    Example:
        >>> from aivideo_async.emulator import acts
        >>> lost = Rule("create", acts.LOST_REPLY, nth=3)
        >>> busy = Rule("task", acts.refuse("internal_error"), share=0.1, times=5)
    """

    where: Where = field(
        validator=one_of("create", "task", "credits", "estimate", "file", "any")
    )
    act: Act
    nth: Container[int] | None = field(
        default=None, converter=_numbers, validator=_from_one, kw_only=True
    )
    every: int | None = field(
        default=None, validator=optional(number(least=1, whole=True)), kw_only=True
    )
    share: float | None = field(
        default=None, validator=optional(number(most=1)), kw_only=True
    )
    between: tuple[float, float] | None = field(
        default=None, validator=_in_order, kw_only=True
    )
    times: int | None = field(
        default=None, validator=optional(number(whole=True)), kw_only=True
    )

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
