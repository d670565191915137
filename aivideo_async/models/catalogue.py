"""
The catalogue of models, read from ``catalogue.toml``: what is accepted, what it costs.

Two pure questions are answered from that data: `problems` says what is wrong with an
input, `credits_for` says what it is expected to cost. Both work for any model of the
table, so a new model needs data and no code.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any
from urllib.parse import urlsplit

from attrs import frozen

from aivideo_async.models.convert import converter
from aivideo_async.models.text import show

LARGEST = 1e300
"""Beyond it, and with NaN, JSON and floats go different ways."""

__all__ = [
    "ModelSpec",
    "PriceTable",
    "Problem",
    "catalogue",
    "credits_for",
    "is_absolute_http",
    "price_by",
    "problems",
    "spec_for",
]


@frozen
class FieldSpec:
    """What one input field accepts; see the head of ``catalogue.toml``."""

    type: str
    required: bool = False
    default: Any = None
    choices: tuple[Any, ...] = ()
    max_chars: int | None = None
    max_items: int | None = None
    minimum: Decimal | None = None
    maximum: Decimal | None = None


@frozen
class Rule:
    """When the fields of *when* have these values, *field* must be in *choices*."""

    when: Mapping[str, str]
    field: str
    choices: tuple[str, ...]


@frozen
class PriceTable:
    """Dated credits per task, by the values of some fields."""

    dated: str
    source: str
    credits: Mapping[str, Decimal]
    by: tuple[str, ...] = ()
    per: str | None = None


@frozen
class ModelSpec:
    """All that is known of one model."""

    kind: str
    endpoint: str
    fields: Mapping[str, FieldSpec]
    modes: tuple[str, ...] = ()
    references: str | None = None
    require: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    prices: tuple[PriceTable, ...] = ()


@frozen
class Problem:
    """
    One reason why an input would be refused.

    Attributes:
        field: The name of the field.
        text: What is wrong and what to do, for whoever writes Python.
        rule: What the field breaks, as the service says it behind a path.
        index: Which of its entries is meant; None for the field itself.
    """

    field: str
    text: str
    rule: str
    index: int | None = None

    @property
    def path(self) -> str:
        """Where it is, such as ``image_urls[0]``."""
        return self.field if self.index is None else f"{self.field}[{self.index}]"


@cache
def catalogue() -> Mapping[str, ModelSpec]:
    """Every model of the table, by its id."""
    text = resources.files("aivideo_async.models").joinpath("catalogue.toml")
    data = tomllib.loads(text.read_text("utf-8"), parse_float=Decimal)
    return converter.structure(data, dict[str, ModelSpec])


def spec_for(model: str) -> ModelSpec | None:
    """Return what is known of *model*, or None."""
    return catalogue().get(model)


def problems(spec: ModelSpec, values: Mapping[str, Any]) -> list[Problem]:
    """
    Name everything that is wrong with *values*; an empty list means acceptable.

    A field that is absent or None counts as not given. Fields that the catalogue
    does not know are a problem too: whether the service ignores them is unknown.
    """
    given = {name: value for name, value in values.items() if value is not None}
    found = [_unknown(name, spec) for name in given if name not in spec.fields]
    for name, field in spec.fields.items():
        if name in given:
            found += _CHECKS[field.type](name, field, given[name])
        elif field.required:
            found.append(Problem(name, f"{name} is required.", "is required."))
    if not found and spec.require and not any(given.get(n) for n in spec.require):
        found.append(_nothing_given(*spec.require))
    if not found:
        found.extend(_broken_rules(spec, given))
    return found


def _unknown(name: str, spec: ModelSpec) -> Problem:
    return Problem(
        name,
        f"{name}: unknown field. Known: {', '.join(spec.fields)}.",
        "is not a known field.",
    )


def _nothing_given(*names: str) -> Problem:
    first, *others = names
    return Problem(
        first,
        f"Nothing to work from: give {' or '.join(names)} (or both).",
        f"is required without {' or '.join(others)}.",
    )


def _broken_rules(spec: ModelSpec, given: Mapping[str, Any]) -> Iterable[Problem]:
    def value(name: str) -> Any:
        field = spec.fields.get(name)
        return given.get(name, field.default if field else None)

    for rule in spec.rules:
        applies = all(value(name) == wanted for name, wanted in rule.when.items())
        if applies and value(rule.field) not in rule.choices:
            cause = ", ".join(f"{name}={word!r}" for name, word in rule.when.items())
            choices = ", ".join(rule.choices)
            yield Problem(
                rule.field,
                f"{rule.field}={value(rule.field)!r} is not allowed with {cause}: "
                f"set {rule.field} to one of {choices}, "
                f"or change {' and '.join(rule.when)}.",
                f"must be one of {choices} with {cause}.",
            )


def _check_text(name: str, field: FieldSpec, value: Any) -> Iterable[Problem]:
    if not isinstance(value, str):
        text = f"{name}={show(value)} is not text: pass a str."
        yield Problem(name, text, "must be a string.")
        return
    if field.max_chars is not None and len(value) > field.max_chars:
        yield Problem(
            name,
            f"{name} has {len(value):,} characters, at most {field.max_chars:,} "
            f"are allowed: shorten it by {len(value) - field.max_chars:,}.",
            f"must have at most {field.max_chars} characters.",
        )
    if not value.strip():
        text = f"{name}={value!r} is blank: write something or leave {name} out."
        yield Problem(name, text, "must not be blank.")
    if not value.isascii():
        yield from _broken_unicode(name, value)


def _broken_unicode(name: str, value: str) -> Iterable[Problem]:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        yield Problem(
            name,
            f"{name} holds a lone surrogate at character {error.start}, which is not "
            "Unicode text: repair the encoding of the source.",
            "must be Unicode text.",
        )


def _check_flag(name: str, field: FieldSpec, value: Any) -> Iterable[Problem]:
    if isinstance(value, bool):
        return ()
    text = f"{name}={show(value)} is not a truth value: pass True or False."
    return (Problem(name, text, "must be a boolean."),)


def _check_choice(name: str, field: FieldSpec, value: Any) -> Iterable[Problem]:
    if isinstance(value, str) and value in field.choices:
        return ()
    return (_no_choice(name, field, show(value)),)


def _no_choice(name: str, field: FieldSpec, shown: str) -> Problem:
    choices = ", ".join(map(str, field.choices))
    text = f"{name}={shown} is not one of the allowed values: use {choices}."
    return Problem(name, text, f"must be one of {choices}.")


def _check_number(name: str, field: FieldSpec, value: Any) -> Iterable[Problem]:
    whole = field.type == "integer"
    kinds = int if whole else int | float
    number = isinstance(value, kinds) and not isinstance(value, bool)
    if not number or not abs(value) < LARGEST:
        kind = "a whole number" if whole else "a number"
        text = f"{name}={show(value)} is not {kind}."
        yield Problem(name, text, f"must be {kind}.")
    elif field.choices and value not in field.choices:
        yield _no_choice(name, field, str(value))
    elif field.minimum is not None and value < field.minimum:
        limit = f"at least {field.minimum}."
        yield Problem(name, f"{name}={value} is too small: {limit}", f"must be {limit}")
    elif field.maximum is not None and value > field.maximum:
        limit = f"at most {field.maximum}."
        yield Problem(name, f"{name}={value} is too large: {limit}", f"must be {limit}")


def _check_urls(name: str, field: FieldSpec, value: Any) -> Iterable[Problem]:
    if isinstance(value, str) or not isinstance(value, list | tuple):
        text = f"{name}={show(value)} is not a list of URLs: pass a tuple or list."
        yield Problem(name, text, "must be an array of URLs.")
        return
    if field.max_items is not None and len(value) > field.max_items:
        yield Problem(
            name,
            f"{name} has {len(value)} entries, at most {field.max_items} are allowed: "
            f"remove {len(value) - field.max_items}.",
            f"must have at most {field.max_items} entries.",
        )
    for index, url in enumerate(value):
        if not is_absolute_http(url):
            yield Problem(
                name,
                f"{name}[{index}]={show(url)} is not an absolute http(s) URL: the "
                "service fetches it itself, so put the file where it can be reached.",
                "must be an absolute http(s) URL.",
                index,
            )


def _check_any(name: str, field: FieldSpec, value: Any) -> Iterable[Problem]:
    return ()


_CHECKS = {
    "text": _check_text,
    "flag": _check_flag,
    "choice": _check_choice,
    "integer": _check_number,
    "number": _check_number,
    "urls": _check_urls,
    "any": _check_any,
}


def is_absolute_http(url: object) -> bool:
    """Tell whether *url* is one that the service could fetch or call."""
    if not isinstance(url, str) or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  (reading it checks it)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def credits_for(
    spec: ModelSpec, values: Mapping[str, Any], table: int = 0
) -> Decimal | None:
    """
    Estimate what a task costs, in credits, or None where the table has no answer.

    Args:
        spec: The model.
        values: The input; a missing field counts as its default.
        table: Which of the model's price tables; 0 is the default one.
    """
    if table >= len(spec.prices):
        return None
    return price_by(spec.prices[table], spec, values)


def price_by(
    price: PriceTable, spec: ModelSpec | None, values: Mapping[str, Any]
) -> Decimal | None:
    """Look *values* up in one table; a field that is missing counts as its default."""
    fields = spec.fields if spec is not None else {}

    def word(name: str) -> str:
        value = values.get(name)
        if value is None and name in fields:
            value = fields[name].default
        return str(value).lower() if isinstance(value, bool) else str(value)

    credits = price.credits.get("/".join(word(name) for name in price.by))
    if credits is None or price.per is None:
        return credits
    try:
        return credits * Decimal(word(price.per))
    except ArithmeticError:
        return None
