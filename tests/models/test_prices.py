"""Prices: the caller's own word first, then the dated table."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from aivideo_async import ConfigurationError, GptImage2, RawRequest
from aivideo_async.models.money import from_milli, milli, read_credits
from aivideo_async.models.prices import PriceOverrides, read_prices

LATER: PriceOverrides = {"gpt-image-2": {"1k": "4.7", "2k": 9.4, "4k": Decimal("14.1")}}


def raw(model: str = "suno-v5", price: Any = None, **fields: Any) -> RawRequest:
    """Ask for a task of any model."""
    return RawRequest(model, endpoint="/v1/x", input=fields, price=price)


def test_without_prices_of_ones_own_the_table_holds():
    """None stands for no such option."""
    prices = read_prices(None)
    assert Decimal("4.8") == prices.of(GptImage2("a", resolution="2k"))
    assert prices.of(raw()) is None


@pytest.mark.parametrize(
    ("resolution", "credits"), [("1k", "4.7"), ("2k", "9.4"), ("4k", "14.1")]
)
def test_own_prices_come_before_the_table(resolution: str, credits: str):
    """By resolution, as the table has them; floats and text read alike."""
    request = GptImage2("a", aspect_ratio="16:9", resolution=resolution)
    assert Decimal(credits) == read_prices(LATER).of(request)


def test_a_tier_that_is_not_named_keeps_its_price():
    """One that is too low would be worse."""
    prices = read_prices({"gpt-image-2": {"1k": "4.7"}})
    assert Decimal("4.8") == prices.of(GptImage2("a", resolution="2k"))


def test_one_number_holds_for_every_task_of_a_model():
    """Whatever its input; any model can have one."""
    prices = read_prices({"gpt-image-2": 3, "suno-v5": 24})
    assert Decimal(3) == prices.of(GptImage2("a", resolution="2k"))
    assert Decimal(24) == prices.of(raw())
    assert prices.of(raw("veo-3")) is None


def test_own_prices_hold_for_raw_requests_too():
    """Their input is read as it will be sent, defaults included."""
    prices = read_prices(LATER)
    assert Decimal("9.4") == prices.of(raw("gpt-image-2", resolution="2k"))
    assert Decimal("4.7") == prices.of(raw("gpt-image-2"))


def test_a_price_that_a_raw_request_names_itself_comes_first():
    """It is about this very request."""
    assert Decimal(1) == read_prices(LATER).of(raw("gpt-image-2", price=1))


@pytest.mark.parametrize(
    ("prices", "words"),
    [
        ([("gpt-image-2", 3)], "pass a dict of models"),
        ({"gpt-image-2": {"1K": 3}}, "'1K' is not one of 1k, 2k, 4k"),
        ({"gpt-image-2": {"1k": -1}}, r"\['gpt-image-2'\]\['1k'\]: -1 use a number"),
        ({"gpt-image-2": {"1k": "cheap"}}, "'cheap' use a number of credits"),
        ({"gpt-image-2": float("nan")}, "nan use a number of credits"),
        ({"gpt-image-2": True}, "True use a number of credits"),
        ({"gpt-image-2": None}, "None use a number of credits"),
        ({"veo-3": {"fast": 40}}, "use one number"),
    ],
)
def test_what_is_no_price_is_named(prices: Any, words: str):
    """Before anything is sent, with the place of the mistake."""
    with pytest.raises(ConfigurationError, match=words):
        read_prices(prices)


@pytest.mark.parametrize("value", [-1, "x", "", None, True, "nan", "inf", [], "1e999"])
def test_what_is_no_number_of_credits_is_none(value: object):
    """Whatever it is, it is not read as money."""
    assert read_credits(value) is None


def test_money_inside_is_whole_and_outside_exact():
    """A tenth of a credit survives the way in and out."""
    assert 2400 == milli("2.4")
    assert Decimal("2.4") == from_milli(milli("2.4"))
    assert 1 == milli(Decimal("0.0001"))
