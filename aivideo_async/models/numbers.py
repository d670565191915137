"""One check for every number that a person can set, and one form for its refusal."""

from __future__ import annotations

import math

from aivideo_async.errors import ConfigurationError
from aivideo_async.models.text import show

__all__ = ["check_number"]

LARGEST = 1e300
"""Beyond it lie infinity and ints that no float can hold."""


def check_number(
    name: str,
    value: object,
    *,
    least: float = 0.0,
    most: float = math.inf,
    above: bool = False,
    whole: bool = False,
) -> None:
    """
    Refuse *value* unless it is a finite number in its range.

    Args:
        name: What it is called where it was set.
        value: What was set.
        least: The smallest value allowed.
        most: The largest value allowed.
        above: Whether *least* itself is already too small.
        whole: Whether it has to be an int.

    Raises:
        ConfigurationError: It names the option, the value and what to use.

    Example:
        >>> check_number("rate", "fast", above=True)
        Traceback (most recent call last):
        aivideo_async.errors.ConfigurationError: rate='fast': use a number above 0.
    """
    kinds = int if whole else int | float
    number = isinstance(value, kinds) and not isinstance(value, bool)
    if number and _fits(value, least, most, above=above):  # type: ignore[arg-type]
        return
    kind = "a whole number" if whole else "a number"
    limit = f"above {least:g}" if above else f"from {least:g}"
    end = f" to {most:g}" if most < math.inf else ""
    raise ConfigurationError(f"{name}={show(value)}: use {kind} {limit}{end}.")


def _fits(value: float, least: float, most: float, *, above: bool) -> bool:
    enough = value > least if above else value >= least
    return enough and value <= min(most, LARGEST)
