"""Raw requests: any model and any field, as long as it is JSON for a path of ours."""

from __future__ import annotations

import json
import pickle
import threading
from collections import UserDict
from contextlib import suppress
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest
from attrs import frozen
from hypothesis import given

from aivideo_async.errors import InvalidRequestError
from aivideo_async.models import GenerationRequest, RawRequest
from aivideo_async.models.catalogue import FieldSpec, ModelSpec
from aivideo_async.models.requests import _CatalogueRequest, check_path
from aivideo_async.models.strictjson import decode
from tests.models.strategies import OBJECTS

ENDPOINT = "/v1/videos/generations"
WAVE = {"prompt": "a wave", "duration": 4, "aspect_ratio": "16:9"}


def raw(**changes: Any) -> RawRequest:
    """Build a video's request with *changes*."""
    fields = {"model": "sora-2", "endpoint": ENDPOINT, "input": WAVE}
    return RawRequest(**fields | changes)


def refusal(**changes: Any) -> InvalidRequestError:
    """Return why such a request is refused."""
    with pytest.raises(InvalidRequestError) as caught:
        raw(**changes)
    return caught.value


def circle() -> dict[str, Any]:
    """Build an object that holds itself."""
    ring: dict[str, Any] = {}
    ring["ring"] = [ring]
    return ring


def nest(depth: int) -> dict[str, Any]:
    """Build an object of *depth* lists."""
    inner: list[Any] = []
    for _ in range(depth):
        inner = [inner]
    return {"deep": inner}


# --- the input ------------------------------------------------------------------


@given(OBJECTS)
def test_any_json_object_is_sent_as_it_is(inner: dict[str, Any]):
    """Fields that nobody knows yet, too."""
    body = decode(raw(input=inner).body())
    assert {"model": "sora-2", "input": inner} == body


def test_the_input_is_a_copy_of_its_own():
    """What was checked is what is sent, whatever the caller does afterwards."""
    shots: list[Any] = [{"prompt": "a wave", "duration": 4}]
    request = raw(input={"multi_prompt": shots})
    shots[0]["duration"] = float("nan")
    shots.append(object())
    sent = json.loads(request.body())["input"]
    assert {"multi_prompt": [{"prompt": "a wave", "duration": 4}]} == sent


@pytest.mark.parametrize(
    "inner",
    [
        pytest.param({"seed": float("nan")}, id="NaN"),
        pytest.param({"seed": float("inf")}, id="infinity"),
        pytest.param({"seed": [{"deep": float("-inf")}]}, id="deep inside"),
        pytest.param({"seed": Decimal("0.5")}, id="Decimal"),
        pytest.param({"seed": 10**5000}, id="5,000 digits"),
        pytest.param({"tags": {"a", "b"}}, id="set"),
        pytest.param({"image": b"png"}, id="bytes"),
        pytest.param({"image": object()}, id="object"),
        pytest.param({"image": threading.Lock()}, id="what cannot be copied"),
        pytest.param({"urls": (url for url in "ab")}, id="generator inside"),
        pytest.param({"prompt": "mug \ud83d"}, id="lone surrogate"),
        pytest.param({("a", "b"): 1}, id="a key that is no text"),
        pytest.param({1: "a", "1": "b"}, id="two keys that look alike"),
        pytest.param(circle(), id="circle"),
        pytest.param(nest(100_000), id="endless nesting"),
    ],
)
def test_what_is_not_json_is_refused_before_it_is_sent(inner: Any):
    """As an error of ours that names the field, whatever it is made of."""
    error = refusal(input=inner)
    assert "input" == error.field
    assert "Nothing was charged" in str(error)


@pytest.mark.parametrize(
    "inner",
    [
        pytest.param(None, id="None"),
        pytest.param("prompt", id="text"),
        pytest.param([WAVE], id="list"),
        pytest.param(7, id="number"),
        pytest.param(iter([WAVE]), id="iterator"),
        pytest.param((key for key in WAVE), id="generator"),
    ],
)
def test_an_input_that_is_no_object_is_refused(inner: Any):
    """The text says what to pass."""
    error = refusal(input=inner)
    assert "input" == error.field
    assert "pass a dict" in error.message


@pytest.mark.parametrize(
    "inner",
    [
        pytest.param(MappingProxyType(WAVE), id="read-only view"),
        pytest.param(UserDict(WAVE), id="user's own mapping"),
    ],
)
def test_another_mapping_is_sent_or_refused_by_name(inner: Any):
    """The annotation says Mapping: one that JSON cannot write is an error of ours."""
    with suppress(InvalidRequestError):
        assert WAVE == json.loads(raw(input=inner).body())["input"]


# --- where it goes --------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1/videos/generations",
        "/v1/tasks/397ce9f2-c04e-4244-ac33-3af19a7cc297",
        "/v1/gemini/v1beta/models/gemini-3:generateContent",
        "/v1/tasks?page=2&from=..",
        "/v1/a..b/...",
        "/v1/%2E",
    ],
)
def test_a_plain_path_is_accepted(path: str):
    """Colons, queries and dots inside a name are plain."""
    assert path == raw(endpoint=path).endpoint


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("", id="empty"),
        pytest.param("v1/videos", id="without slash"),
        pytest.param("//evil.example/v1", id="another host"),
        pytest.param("https://evil.example/v1", id="absolute URL"),
        pytest.param("/v1/../admin", id="up inside"),
        pytest.param("/..", id="up at the end"),
        pytest.param("/v1/..?x=1", id="up before a query"),
        pytest.param("\\\\evil.example\\v1", id="backslashes"),
        pytest.param("/\\evil.example", id="one backslash"),
        pytest.param("/v1/a b", id="space"),
        pytest.param("/v1/a\tb", id="tab"),
        pytest.param("/v1\r\nHost: evil.example", id="a header"),
        pytest.param("/v1/\x00", id="NUL"),
        pytest.param("/v1/\x7f", id="delete"),
        pytest.param("/v1/tasks#top", id="fragment"),
        pytest.param("/v1/bücher", id="not ASCII"),
        pytest.param(b"/v1/videos", id="bytes"),
        pytest.param(None, id="None"),
        pytest.param(7, id="number"),
    ],
)
def test_what_is_no_plain_path_is_refused(path: Any):
    """Nothing that could lead the key elsewhere, or write a header."""
    error = refusal(endpoint=path)
    assert "endpoint" == error.field
    assert f"endpoint={path!r}" in error.message


def test_the_refusal_of_a_path_names_what_it_was_given_as():
    """`client.request` calls it a path."""
    with pytest.raises(InvalidRequestError, match="path='v1'") as caught:
        check_path("v1")
    assert "path" == caught.value.field


@pytest.mark.parametrize("model", ["", "  ", None, 7, ["sora-2"], "\ud83d"], ids=ascii)
def test_a_request_names_a_model(model: Any):
    """Empty, not text, or no Unicode is a mistake."""
    assert "model" == refusal(model=model).field


# --- what it costs, and the rest ------------------------------------------------


@pytest.mark.parametrize(
    ("price", "credits"),
    [
        (100, Decimal(100)),
        (2.4, Decimal("2.4")),
        ("2.4", Decimal("2.4")),
        (Decimal("2.40"), Decimal("2.4")),
        (0, Decimal(0)),
        (None, None),
    ],
    ids=repr,
)
def test_a_price_is_a_number_of_credits(price: Any, credits: Decimal | None):
    """A float means what it shows, not its binary neighbour."""
    assert credits == raw(price=price).price


@pytest.mark.parametrize(
    "price",
    [
        pytest.param(True, id="flag"),
        pytest.param(float("nan"), id="NaN"),
        pytest.param(Decimal("sNaN"), id="signalling NaN"),
        pytest.param(float("inf"), id="infinity"),
        pytest.param(-1, id="negative"),
        pytest.param("free", id="words"),
        pytest.param([1], id="list"),
        pytest.param(10**5000, id="5,000 digits"),
    ],
)
def test_a_price_that_is_no_amount_is_refused(price: Any):
    """A ceiling cannot be kept with it."""
    error = refusal(price=price)
    assert "price" == error.field
    assert "pass a Decimal" in error.message


@pytest.mark.parametrize("key", [7, b"sku", ["sku"]], ids=repr)
def test_a_label_is_text(key: Any):
    """It is written into files and logs."""
    assert "key" == refusal(key=key).field


def test_it_is_a_value():
    """Equal by content, hashable, and picklable."""
    request = raw(price=100, key="wave-1")
    assert request == raw(price=100, key="wave-1") != raw(price=100, key="wave-2")
    assert request != raw(price=100, key="wave-1", input=WAVE | {"duration": 8})
    assert 1 == len({request, pickle.loads(pickle.dumps(request))})


def test_its_kind_is_its_model():
    """Nothing else is known of it."""
    assert "sora-2" == raw().kind


# --- what every request has -----------------------------------------------------


@pytest.mark.parametrize("name", ["model", "endpoint", "input", "price"])
def test_a_kind_of_request_has_to_say_what_it_is(name: str):
    """The base knows nothing by itself."""
    with pytest.raises(NotImplementedError):
        getattr(GenerationRequest(), name)


@frozen
class Song(_CatalogueRequest):
    """A request of the caller's own making, as the next model's will be."""

    MODEL = "a-song"

    key: str | None = None

    @property
    def input(self) -> dict[str, Any]:
        """The ``input`` object that is sent."""
        return {"prompt": "a song"}


@frozen
class KnownSong(Song):
    """One whose data is at hand."""

    @property
    def spec(self) -> ModelSpec:
        """A model without modes."""
        return ModelSpec(
            "music", "/v1/music/generations", {"prompt": FieldSpec("text")}
        )


def test_a_class_without_data_says_so():
    """A model that is missing from the catalogue is our own mistake, and loud."""
    with pytest.raises(LookupError, match=r"a-song is missing from catalogue\.toml"):
        _ = Song().endpoint


def test_a_model_without_modes_has_a_kind():
    """Nor does it need a resolution or a price."""
    song = KnownSong()
    assert ("a-song", None, None) == song.kind
    assert song.price is None
