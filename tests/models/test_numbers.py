"""Numbers that people set: in their range, or refused by name."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest

from aivideo_async.errors import ConfigurationError
from aivideo_async.models.numbers import check_number


def refusal(value: Any, **limits: Any) -> str:
    """Return what is said of *value*."""
    with pytest.raises(ConfigurationError) as caught:
        check_number("rate", value, **limits)
    return str(caught.value)


@pytest.mark.parametrize(
    ("value", "limits"),
    [
        (0, {}),
        (0.0, {}),
        (1e300, {}),
        (1, {"least": 1}),
        (0.001, {"above": True}),
        (1, {"most": 1}),
        (1, {"whole": True, "least": 1}),
        (-5, {"least": -5, "most": -5}),
    ],
    ids=str,
)
def test_the_limits_themselves_are_inside(value: float, limits: dict[str, Any]):
    """Unless it has to be above."""
    check_number("rate", value, **limits)


@pytest.mark.parametrize(
    ("value", "limits", "use"),
    [
        (-0.001, {}, "a number from 0"),
        (0, {"above": True}, "a number above 0"),
        (0.9, {"least": 1}, "a number from 1"),
        (1.01, {"most": 1}, "a number from 0 to 1"),
        (0.5, {"above": True, "least": 0.5, "most": 2}, "a number above 0.5 to 2"),
        (0, {"whole": True, "least": 1}, "a whole number from 1"),
        (1.0, {"whole": True}, "a whole number from 0"),
    ],
    ids=str,
)
def test_what_is_outside_is_told_the_range(
    value: float, limits: dict[str, Any], use: str
):
    """The option, its value, and what to use."""
    assert f"rate={value!r}: use {use}." == refusal(value, **limits)


@pytest.mark.parametrize(
    "value",
    [True, False, None, "1", [1], 1j, Decimal(1), math.nan, math.inf, -math.inf],
    ids=repr,
)
@pytest.mark.parametrize("whole", [False, True], ids=["", "whole"])
def test_what_is_no_finite_number_is_refused(value: Any, whole: bool):
    """A flag is none, however Python counts; nor is infinity or text."""
    assert refusal(value, whole=whole).startswith(f"rate={value!r}: use a ")


@pytest.mark.parametrize("digits", [400, 5000])
@pytest.mark.parametrize("sign", [1, -1])
def test_an_int_beyond_all_floats_is_refused(digits: int, sign: int):
    """Whoever computes with it would fail later, after money moved."""
    assert "use a number from 0" in refusal(sign * 10**digits)
