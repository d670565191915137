"""JSON that money may hang on: what is not certain is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, strategies as st

from aivideo_async.models.strictjson import DuplicateKeyError, decode, encode
from tests.models.strategies import JSON


def circle() -> list[Any]:
    """Build a list that holds itself."""
    ring: list[Any] = []
    ring.append(ring)
    return ring


def nest(depth: int) -> list[Any]:
    """Build *depth* lists, each inside the next."""
    inner: list[Any] = []
    for _ in range(depth):
        inner = [inner]
    return inner


@given(JSON)
def test_what_is_written_is_read_back(value: Any):
    """Every JSON value survives."""
    assert value == decode(encode(value))


@given(st.binary() | JSON.map(encode).flatmap(lambda b: st.just(b[: len(b) // 2])))
def test_bytes_are_read_or_are_a_value_error(body: bytes):
    """Nothing else is ever raised, and what was read can be written again."""
    try:
        value = decode(body)
    except ValueError:
        return
    assert value == decode(encode(value))


@pytest.mark.parametrize(
    ("body", "value"),
    [
        pytest.param(b'\xef\xbb\xbf{"a": 1}', {"a": 1}, id="BOM"),
        pytest.param(b" \r\n[1, 2.5, null]\n", [1, 2.5, None], id="blanks around"),
        pytest.param('{"ä": "🍵"}'.encode(), {"ä": "🍵"}, id="UTF-8"),
        pytest.param(b'"\\ud83c\\udf75"', "🍵", id="a pair of surrogates"),
        pytest.param(b'{"a": {"a": 1}, "b": {"a": 1}}', {"a": {"a": 1}, "b": {"a": 1}},
                     id="the same key in two objects"),
        pytest.param(b"[" * 100 + b"]" * 100, nest(99), id="100 levels"),
    ],
)  # fmt: skip
def test_plain_json_is_read(body: bytes, value: Any):
    """Whatever its label says; a BOM is allowed."""
    assert value == decode(body)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<html>", id="HTML"),
        pytest.param(b'{"a": 1', id="cut off"),
        pytest.param(b'{"a": 1}{"a": 2}', id="two answers"),
        pytest.param(b'{"a": 1, "a": 1}', id="a key twice"),
        pytest.param(b'[{"x": {"a": 1, "b": 2, "a": 3}}]', id="a key twice inside"),
        pytest.param(b'{"a": 1, "\\u0061": 2}', id="a key twice in disguise"),
        pytest.param(b"NaN", id="NaN"),
        pytest.param(b'{"balance": Infinity}', id="infinity"),
        pytest.param(b"[-Infinity]", id="minus infinity"),
        pytest.param(b"1e400", id="beyond a float"),
        pytest.param(b"9" * 5000, id="5,000 digits"),
        pytest.param(b"[" * 200_000, id="200,000 open lists"),
        pytest.param(b"[" * 200_000 + b"]" * 200_000, id="200,000 levels"),
        pytest.param(b'{"a":' * 200_000, id="200,000 open objects"),
        pytest.param('{"a": 1}'.encode("utf-16"), id="UTF-16"),
        pytest.param(b'"\xff"', id="broken UTF-8"),
        pytest.param(b'"\xed\xa0\x80"', id="a surrogate in UTF-8"),
        pytest.param(b"\xef\xbb\xbf\xef\xbb\xbf{}", id="two BOMs"),
        pytest.param(b"{'a': 1}", id="single quotes"),
        pytest.param(b"[1,]", id="trailing comma"),
        pytest.param(b'"a\nb"', id="a bare line end"),
        pytest.param(b"\x00", id="NUL"),
    ],
)
def test_what_a_lenient_reader_would_guess_is_refused(body: bytes):
    """The whole text is suspect then."""
    with pytest.raises(ValueError):
        decode(body)


@pytest.mark.parametrize(
    ("body", "doubled"),
    [(b'{"a":1,"a":1}', True), (b'[{"a":{"b":1,"b":2}', True), (b'{"a":NaN}', False)],
    ids=["whole", "cut off", "NaN"],
)
def test_a_key_that_stands_twice_is_an_error_of_its_own(body: bytes, doubled: bool):
    """Such an answer contradicts itself; another one may only be broken."""
    with pytest.raises(ValueError) as caught:
        decode(body)
    assert doubled == isinstance(caught.value, DuplicateKeyError)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(float("nan"), id="NaN"),
        pytest.param({"a": [float("inf")]}, id="infinity"),
        pytest.param({float("nan"): 1}, id="NaN as a key"),
        pytest.param("\ud800", id="a lone surrogate"),
        pytest.param({"\udc00": 1}, id="a lone surrogate as a key"),
        pytest.param(circle(), id="circle"),
        pytest.param(nest(100_000), id="nested too deeply"),
        pytest.param(10**5000, id="5,000 digits"),
    ],
)
def test_what_others_could_not_read_is_not_written(value: Any):
    """A ValueError that says why."""
    with pytest.raises(ValueError):
        encode(value)


@pytest.mark.parametrize(
    "value",
    [{1, 2}, b"a", object(), Decimal(1), {(1,): 1}],
    ids=["set", "bytes", "object", "Decimal", "tuple as a key"],
)
def test_what_json_does_not_know_is_a_type_error(value: Any):
    """It is never written as something else."""
    with pytest.raises(TypeError):
        encode(value)
