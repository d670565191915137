"""What a setting has to be, checked where it is written and not where it is met."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeAlias

from attrs import Attribute

from aivideo_async.errors import ConfigurationError
from aivideo_async.models.money import read_credits
from aivideo_async.models.numbers import check_number
from aivideo_async.models.text import show

__all__ = ["amount", "are_credits", "number", "one_of"]

Validator: TypeAlias = "Callable[[object, Attribute[Any], Any], None]"


def number(**limits: Any) -> Validator:
    """Validate a field: a number within the *limits* of `check_number`."""

    def validate(instance: object, field: Attribute[Any], value: Any) -> None:
        check_number(field.name, value, **limits)

    return validate


def one_of(*choices: object) -> Validator:
    """Validate a field: one of *choices*."""

    def validate(instance: object, field: Attribute[Any], value: Any) -> None:
        if value not in choices:
            known = ", ".join(map(repr, choices))
            raise ConfigurationError(f"{field.name}={show(value)}: use one of {known}.")

    return validate


def amount(value: Decimal | float | str) -> Decimal:
    """Convert credits; what is none stays, for the validator that knows its name."""
    credits: Any = read_credits(value)
    return value if credits is None else credits  # type: ignore[return-value]


def are_credits(instance: object, field: Attribute[Any], value: Any) -> None:
    """Validate a field: a number of credits."""
    if read_credits(value) is None:
        raise ConfigurationError(
            f"{field.name}={show(value)}: use a number of credits from 0."
        )
