"""Credits: `Decimal` outside, whole milli-credits inside, never a float."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal, InvalidOperation
from functools import lru_cache

__all__ = ["DOLLARS_PER_CREDIT", "from_milli", "milli", "read_credits"]

DOLLARS_PER_CREDIT = Decimal("0.005")


def read_credits(value: object) -> Decimal | None:
    """
    Read a number of credits, or return None if *value* is none.

    Example:
        >>> read_credits("4.7"), read_credits(-1), read_credits(True)
        (Decimal('4.7'), None, None)
    """
    if isinstance(value, bool) or not isinstance(value, Decimal | int | float | str):
        return None
    try:
        credits = Decimal(str(value))
    except (InvalidOperation, ValueError):  # the latter: too many digits to read
        return None
    # Beyond that it is no figure but an attack on arithmetic.
    plain = credits.is_finite() and credits >= 0 and abs(credits.adjusted()) < 300
    return credits if plain else None


@lru_cache(maxsize=64)  # there are few prices, and each is wanted again and again
def milli(credits: Decimal | int | str) -> int:
    """
    Turn *credits* into whole milli-credits, rounding up what is finer.

    Example:
        >>> milli("2.4")
        2400
    """
    return int((Decimal(credits) * 1000).to_integral_value(ROUND_CEILING))


def from_milli(millicredits: int) -> Decimal:
    """
    Turn milli-credits into credits.

    Example:
        >>> from_milli(2400)
        Decimal('2.4')
    """
    return Decimal(millicredits) / 1000
