"""
How money is put into words: exact `Decimal` credits, and dollars at $0.005 for each.

It also reads the price table by itself, without the dependencies that the catalogue's
own reader brings: ``aivideo price`` and every help text answer at once.
"""

from __future__ import annotations

import tomllib
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any

__all__ = [
    "DOLLARS_PER_CREDIT",
    "MODEL",
    "choices",
    "credits",
    "dollars",
    "in_dollars",
    "number",
    "pictures",
    "tables",
]

MODEL = "gpt-image-2"
DOLLARS_PER_CREDIT = Decimal("0.005")


def number(value: Decimal) -> str:
    """
    Write *value* without needless zeros.

    Example:
        >>> number(Decimal("9995.20"))
        '9,995.2'
    """
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def in_dollars(value: Decimal) -> Decimal:
    """Return what *value* credits are in dollars."""
    return value * DOLLARS_PER_CREDIT


def dollars(value: Decimal) -> str:
    """
    Write what *value* credits are in dollars.

    Example:
        >>> dollars(Decimal("4.8")), dollars(Decimal(240))
        ('$0.024', '$1.20')
    """
    text = number(in_dollars(value))
    whole, _, cents = text.partition(".")
    return f"${whole}.{cents:0<2}"


def credits(value: Decimal) -> str:
    """
    Write *value* as credits and dollars.

    Example:
        >>> credits(Decimal("4.8"))
        '4.8 credits ($0.024)'
    """
    unit = "credit" if value == 1 else "credits"
    return f"{number(value)} {unit} ({dollars(value)})"


def pictures(count: int) -> str:
    """
    Count pictures.

    Example:
        >>> pictures(1), pictures(2)
        ('1 picture', '2 pictures')
    """
    return f"{count:,} picture{'' if count == 1 else 's'}"


@cache
def entry() -> dict[str, Any]:
    """Read what the catalogue says of the model."""
    text = resources.files("aivideo_async").joinpath("models", "catalogue.toml")
    data = tomllib.loads(text.read_text("utf-8"), parse_float=Decimal)
    found: dict[str, Any] = data[MODEL]
    return found


def choices(field: str) -> list[str]:
    """Return the values that an input field accepts."""
    return list(entry()["fields"][field]["choices"])


def tables() -> list[dict[str, Any]]:
    """Return the price tables: the one that counts, then other copies of it."""
    return list(entry()["prices"])
