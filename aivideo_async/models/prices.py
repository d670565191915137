"""
What a request is expected to cost: the caller's own prices before the dated table.

Official copies of the documentation disagree, and nobody here can see the bill. So a
price is always an estimate, and whoever knows better says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TypeAlias

from attrs import field, frozen

from aivideo_async.errors import ConfigurationError
from aivideo_async.models.catalogue import PriceTable, price_by, spec_for
from aivideo_async.models.money import read_credits
from aivideo_async.models.requests import GenerationRequest, RawRequest
from aivideo_async.models.text import show

__all__ = ["PriceOverrides", "Prices", "read_prices"]

Number: TypeAlias = Decimal | float | str
PriceOverrides: TypeAlias = Mapping[str, Number | Mapping[str, Number]]
"""Credits per task by model: one number, or one by resolution (or what else it is by)."""


@frozen
class Prices:
    """
    The dated table, with the caller's own prices laid over it.

    Attributes:
        own: The caller's tables, by model.

    Example:
        >>> from aivideo_async import GptImage2
        >>> read_prices({"gpt-image-2": {"1k": "4.7"}}).of(GptImage2("a mug"))
        Decimal('4.7')
    """

    own: Mapping[str, PriceTable] = field(factory=dict)

    def of(self, request: GenerationRequest) -> Decimal | None:
        """
        Return what *request* is expected to cost, in credits, or None if unknown.

        A price that a `RawRequest` names itself comes first, then the caller's own
        prices, then the dated table.
        """
        table = self.own.get(request.model)
        named = isinstance(request, RawRequest) and request.price is not None
        if table is None or named:
            return request.price
        price = price_by(table, spec_for(request.model), request.input)
        return request.price if price is None else price


def read_prices(overrides: PriceOverrides | None) -> Prices:
    """
    Read the option ``prices=``.

    Raises:
        ConfigurationError: Something in it is no price, or is by a word that the model
            does not know; the text names it.
    """
    if overrides is None:
        return Prices()
    if not isinstance(overrides, Mapping):
        raise _refused("", overrides, "pass a dict of models, such as " + _EXAMPLE)
    return Prices({name: _table(name, value) for name, value in overrides.items()})


_EXAMPLE = "{'gpt-image-2': {'1k': '4.7', '2k': '9.4', '4k': '14.1'}}"


def _table(model: str, value: object) -> PriceTable:
    if not isinstance(value, Mapping):
        return _own({"": _credits(f"[{model!r}]", value)})
    spec = spec_for(model)
    if spec is None or not spec.prices:
        raise _refused(
            f"[{model!r}]", value, "use one number: what its price is by is not known"
        )
    known = spec.prices[0]
    for word in value:
        if word not in known.credits:
            words = ", ".join(known.credits)
            raise _refused(f"[{model!r}]", word, f"is not one of {words}")
    credits = {
        word: _credits(f"[{model!r}][{word!r}]", price) for word, price in value.items()
    }
    return _own(credits, by=known.by, per=known.per)


def _own(
    credits: Mapping[str, Decimal], by: tuple[str, ...] = (), per: str | None = None
) -> PriceTable:
    return PriceTable("", "the caller's own prices", credits, by, per)


def _credits(where: str, value: object) -> Decimal:
    credits = read_credits(value)
    if credits is None:
        raise _refused(where, value, "use a number of credits from 0, such as '4.7'")
    return credits


def _refused(where: str, value: object, advice: str) -> ConfigurationError:
    return ConfigurationError(f"prices{where}: {show(value)} {advice}.")
