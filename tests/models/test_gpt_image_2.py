"""GPT Image 2: every field, limit, default and price of the service's own page."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterable
from contextlib import suppress
from decimal import Decimal
from itertools import product
from typing import Any

import attrs
import pytest

from aivideo_async.errors import InvalidRequestError
from aivideo_async.models import GptImage2
from aivideo_async.models.catalogue import credits_for, spec_for

RATIOS = (
    "auto", "1:1", "5:4", "4:3", "3:2", "16:9", "21:9", "9:16", "4:5", "3:4", "2:3",
    "2:1", "1:2", "9:21",
)  # fmt: skip
RESOLUTIONS = ("1k", "2k", "4k")
RATIOS_IN_4K = {"16:9", "9:16", "2:1", "1:2", "21:9", "9:21"}
URL = "https://example.com/source.png"


def urls(count: int) -> list[str]:
    """Name *count* pictures."""
    return [f"https://example.com/{number}.png" for number in range(count)]


def refusal(**fields: Any) -> InvalidRequestError:
    """Return why a request is refused."""
    with pytest.raises(InvalidRequestError) as caught:
        GptImage2(**fields)
    return caught.value


def sent(request: GptImage2) -> dict[str, Any]:
    """Return the ``input`` that goes over the wire."""
    inner: dict[str, Any] = json.loads(request.body())["input"]
    return inner


# --- what is accepted -----------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"prompt": "a mug"}, id="prompt alone"),
        pytest.param({"image_urls": [URL]}, id="pictures alone"),
        pytest.param({"prompt": "a mug", "image_urls": [URL]}, id="both"),
        pytest.param({"prompt": "x" * 20_000}, id="20,000 characters"),
        pytest.param({"prompt": "\U0001f3a8" * 20_000}, id="20,000 beyond the BMP"),
        pytest.param({"image_urls": urls(16)}, id="16 pictures"),
        pytest.param({"prompt": "a mug", "nsfw_checker": False}, id="unchecked"),
    ],
)
def test_what_the_page_allows_is_accepted(fields: dict[str, Any]):
    """The limits themselves are inside."""
    assert fields.items() <= sent(GptImage2(**fields)).items()


@pytest.mark.parametrize(
    ("ratio", "resolution"), [*product(RATIOS, RESOLUTIONS)], ids=str
)
def test_each_ratio_goes_with_each_resolution_but_4k(ratio: str, resolution: str):
    """14 ratios in 1k and 2k; in 4k six, and ``auto`` is none of them."""
    fields: dict[str, Any] = {"aspect_ratio": ratio, "resolution": resolution}
    if resolution == "4k" and ratio not in RATIOS_IN_4K:
        assert "aspect_ratio" == refusal(prompt="a mug", **fields).field
    else:
        assert fields.items() <= sent(GptImage2("a mug", **fields)).items()


@pytest.mark.parametrize(
    "pictures",
    [
        pytest.param([URL], id="list"),
        pytest.param((URL,), id="tuple"),
        pytest.param({URL}, id="set"),
        pytest.param(iter([URL]), id="iterator"),
        pytest.param((url for url in [URL]), id="generator"),
        pytest.param(dict.fromkeys([URL]).keys(), id="keys"),
    ],
)
def test_pictures_may_come_as_any_iterable(pictures: Iterable[str]):
    """They are read once and kept."""
    request = GptImage2(image_urls=pictures)
    assert (URL,) == request.image_urls
    assert [URL] == sent(request)["image_urls"]


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/a.png",
        "HTTPS://EXAMPLE.COM/A.PNG",
        "https://example.com:8443/a.png",
        "https://user:secret@example.com/a.png",
        "https://example.com/a.png?X-Tos-Signature=a%2Fb&x=1#top",
        "https://192.0.2.1/a.png",
        "https://[2001:db8::1]:443/a.png",
        "https://example.com",
        "https://bücher.example/ä.png",
    ],
)
def test_every_absolute_http_url_is_accepted(url: str):
    """Any host, port, query and path: the service fetches it, not we."""
    assert [url] == sent(GptImage2(image_urls=[url]))["image_urls"]


# --- what is refused ------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("", id="empty"),
        pytest.param("source.png", id="file name"),
        pytest.param("/tmp/source.png", id="file path"),
        pytest.param("//example.com/a.png", id="without scheme"),
        pytest.param("ftp://example.com/a.png", id="ftp"),
        pytest.param("file:///tmp/a.png", id="file"),
        pytest.param("data:image/png;base64,AAAA", id="data"),
        pytest.param("https:example.com/a.png", id="without slashes"),
        pytest.param("https:///a.png", id="without host"),
        pytest.param("https://:443/a.png", id="port without host"),
        pytest.param("https://user@/a.png", id="user without host"),
        pytest.param("https://example.com:99999/a.png", id="port too high"),
        pytest.param("https://example.com:-1/a.png", id="negative port"),
        pytest.param("https://example.com:http/a.png", id="port in words"),
        pytest.param("https://[2001:db8::1/a.png", id="open bracket"),
        pytest.param("https://example.com/a b.png", id="space inside"),
        pytest.param(" https://example.com/a.png", id="space before"),
        pytest.param("https://example.com/a.png\n", id="line end"),
        pytest.param("https://exam\tple.com/a.png", id="tab"),
        pytest.param("https://example.com/\x00", id="NUL"),
        pytest.param("https://example.com/\u202egnp.a", id="bidi override"),
        pytest.param("https://example.com/\ud800", id="lone surrogate"),
        pytest.param(b"https://example.com/a.png", id="bytes"),
        pytest.param(None, id="None"),
        pytest.param({"url": URL}, id="object"),
    ],
)
def test_what_the_service_could_not_fetch_is_refused(url: Any):
    """Before it is sent, by its place in the list."""
    error = refusal(image_urls=[URL, url])
    assert "image_urls" == error.field
    assert "image_urls[1]=" in error.message


@pytest.mark.parametrize(
    "prompt", ["", " ", "\n\t ", "\u3000"], ids=["empty", "space", "lines", "wide"]
)
def test_a_blank_prompt_is_refused(prompt: str):
    """With or without pictures, it is a mistake of whoever fills a sheet."""
    assert "prompt" == refusal(prompt=prompt).field
    assert "prompt" == refusal(prompt=prompt, image_urls=[URL]).field


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        pytest.param(
            {}, "prompt", ["prompt", "image_urls", "Nothing to work from", "give"],
            id="nothing",
        ),
        pytest.param(
            {"image_urls": []}, "prompt", ["prompt", "image_urls", "give"],
            id="no pictures",
        ),
        pytest.param(
            {"prompt": "x" * 20_001}, "prompt",
            ["prompt", "20,001 characters", "at most 20,000", "shorten it by 1"],
            id="20,001 characters",
        ),
        pytest.param(
            {"prompt": "  "}, "prompt", ["prompt='  '", "blank", "leave prompt out"],
            id="blank",
        ),
        pytest.param(
            {"prompt": 7}, "prompt", ["prompt=7", "not text", "pass a str"],
            id="prompt of a number",
        ),
        pytest.param(
            {"prompt": b"a mug"}, "prompt", ["prompt=b'a mug'", "pass a str"],
            id="prompt of bytes",
        ),
        pytest.param(
            {"prompt": "mug \ud83d"}, "prompt",
            ["prompt", "lone surrogate at character 4", "repair the encoding"],
            id="half an emoji",
        ),
        pytest.param(
            {"image_urls": urls(17)}, "image_urls",
            ["image_urls", "17 entries", "at most 16", "remove 1"],
            id="17 pictures",
        ),
        pytest.param(
            {"image_urls": URL}, "image_urls",
            [f"image_urls='{URL}'", "not a list", "pass a tuple or list"],
            id="a bare string",
        ),
        pytest.param(
            {"image_urls": 7}, "image_urls", ["image_urls=7", "pass a tuple or list"],
            id="pictures of a number",
        ),
        pytest.param(
            {"image_urls": ["a.png"]}, "image_urls",
            ["image_urls[0]='a.png'", "absolute http(s) URL", "put the file where"],
            id="a relative URL",
        ),
        pytest.param(
            {"prompt": "x", "aspect_ratio": "7:5"}, "aspect_ratio",
            ["aspect_ratio='7:5'", "not one of the allowed", "use auto, 1:1, 5:4"],
            id="an unknown ratio",
        ),
        pytest.param(
            {"prompt": "x", "aspect_ratio": ["1:1"]}, "aspect_ratio",
            ["aspect_ratio=['1:1']", "use auto, 1:1"],
            id="a list of ratios",
        ),
        pytest.param(
            {"prompt": "x", "resolution": "1K"}, "resolution",
            ["resolution='1K'", "use 1k, 2k, 4k"],
            id="a resolution in capitals",
        ),
        pytest.param(
            {"prompt": "x", "resolution": 1024}, "resolution",
            ["resolution=1024", "use 1k, 2k, 4k"],
            id="a resolution in pixels",
        ),
        pytest.param(
            {"prompt": "x", "nsfw_checker": 1}, "nsfw_checker",
            ["nsfw_checker=1", "not a truth value", "pass True or False"],
            id="a flag of a number",
        ),
        pytest.param(
            {"prompt": "x", "nsfw_checker": "false"}, "nsfw_checker",
            ["nsfw_checker='false'", "pass True or False"],
            id="a flag in words",
        ),
        pytest.param(
            {"prompt": "x", "resolution": "4k"}, "aspect_ratio",
            ["aspect_ratio='auto'", "resolution='4k'", "16:9, 9:16, 2:1, 1:2, 21:9",
             "or change resolution"],
            id="4k with the default ratio",
        ),
        pytest.param(
            {"prompt": "x", "key": 7}, "key", ["key=7", "not text", "pass a str"],
            id="a label of a number",
        ),
    ],
)  # fmt: skip
def test_a_refusal_names_field_value_rule_and_remedy(
    fields: dict[str, Any], field: str, words: list[str]
):
    """Whoever reads it knows what to change, and that it cost nothing."""
    error = refusal(**fields)
    assert field == error.field
    assert (None, None) == (error.status, error.code)
    assert [] == [word for word in words if word not in error.message]
    assert error.message.startswith("gpt-image-2: ") or field == "key"
    assert "Nothing was charged" in str(error)


def test_all_mistakes_are_named_at_once():
    """One round of corrections is enough."""
    error = refusal(prompt=" ", aspect_ratio="7:5", resolution="8k", nsfw_checker=0)
    named = [f"{name}=" in error.message for name in fields_of_the_page()]
    assert [True, False, True, True, True] == named


def test_a_long_value_is_shown_in_part():
    """A mistake with a huge value stays readable."""
    error = refusal(prompt="x", aspect_ratio="9" * 10_000)
    assert len(error.message) < 500


@pytest.mark.parametrize(
    "name", ["image_urls", "aspect_ratio", "resolution", "nsfw_checker"]
)
def test_none_is_never_sent_as_null(name: str):
    """The page knows no null: None is refused, or means the default."""
    given: dict[str, Any] = {"prompt": "a mug", name: None}
    with suppress(InvalidRequestError):
        assert None not in sent(GptImage2(**given)).values()


# --- what is sent ---------------------------------------------------------------


def fields_of_the_page() -> list[str]:
    """Name the input's fields in the order of the page."""
    return ["prompt", "image_urls", "aspect_ratio", "resolution", "nsfw_checker"]


def test_the_class_and_the_catalogue_know_the_same_fields_and_defaults():
    """There is one truth: what the class offers is what the data says."""
    spec = spec_for("gpt-image-2")
    assert spec is not None
    offered = {field.name: field.default for field in attrs.fields(GptImage2)}
    assert [*fields_of_the_page(), "key"] == list(offered)
    assert fields_of_the_page() == list(spec.fields)
    known = {name: field.default for name, field in spec.fields.items()}
    assert known | {"image_urls": (), "key": None} == offered


@pytest.mark.parametrize(
    "example",
    [
        pytest.param(
            {
                "prompt": "Turn this product photo into a clean studio shot on a white "
                "background",
                "image_urls": ["https://example.com/source.png"],
                "aspect_ratio": "1:1",
                "nsfw_checker": True,
            },
            id="create a task",
        ),
        pytest.param(
            {
                "prompt": "A cinematic night city poster with neon reflections on a "
                "rainy street.",
                "aspect_ratio": "16:9",
                "nsfw_checker": True,
            },
            id="text to image",
        ),
        pytest.param(
            {
                "prompt": "Convert this room into a warm Scandinavian interior design "
                "render",
                "image_urls": ["https://example.com/room.jpg"],
                "aspect_ratio": "3:2",
            },
            id="image to image",
        ),
        pytest.param(
            {
                "prompt": "An ancient castle under a starry sky, cinematic composition",
                "aspect_ratio": "16:9",
                "resolution": "4k",
            },
            id="4k output",
        ),
    ],
)
def test_the_examples_of_the_page_are_sent_as_documented(example: dict[str, Any]):
    """The same body, plus the defaults spelled out."""
    defaults = {"aspect_ratio": "auto", "resolution": "1k", "nsfw_checker": True}
    expected = {"model": "gpt-image-2", "input": defaults | example}
    assert expected == json.loads(GptImage2(**example).body())


def test_the_callback_stands_beside_the_input():
    """It is a field of the request, not of the generation."""
    body = json.loads(GptImage2("a mug").body("https://shop.example/hook"))
    assert "https://shop.example/hook" == body["callback_url"]
    assert {"model", "input", "callback_url"} == body.keys()


def test_the_body_is_compact_utf_8():
    """The same request makes the same bytes, and pays for no escapes."""
    body = GptImage2("eine Tasse, größer \U0001f375").body()
    assert body == GptImage2("eine Tasse, größer \U0001f375").body()
    assert "größer \U0001f375".encode() in body
    assert b'"resolution":"1k",' in body


def test_the_label_is_never_sent():
    """It is the caller's own."""
    assert b"sku-7" not in GptImage2("a mug", key="sku-7").body()


def test_only_the_prompt_may_be_given_by_place():
    """`GptImage2("…", "2k")` says nothing to its reader."""
    with pytest.raises(TypeError):
        GptImage2("a mug", "2k")  # type: ignore[call-arg]


# --- what it is -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("resolution", "price", "later"),
    [("1k", "2.4", "4.7"), ("2k", "4.8", "9.4"), ("4k", "7.2", "14.1")],
    ids=RESOLUTIONS,
)
def test_the_price_follows_the_resolution(resolution: str, price: str, later: str):
    """By the page; the other copies of it are kept as a second table."""
    request = GptImage2("a mug", aspect_ratio="16:9", resolution=resolution)
    assert Decimal(price) == request.price
    assert Decimal(later) == credits_for(request.spec, request.input, table=1)


def test_it_goes_where_pictures_are_made():
    """The page's endpoint and model id."""
    request = GptImage2("a mug")
    assert "/v1/images/generations" == request.endpoint
    assert "gpt-image-2" == request.model


def test_its_kind_is_model_resolution_and_mode():
    """Tasks of one kind take about as long: the prompt and the label do not count."""
    assert GptImage2("a mug").kind == GptImage2("a cup", key="7").kind
    kinds = {
        GptImage2("a mug").kind,
        GptImage2("a mug", resolution="2k").kind,
        GptImage2("a mug", image_urls=[URL]).kind,
    }
    assert {
        ("gpt-image-2", "1k", "text-to-image"),
        ("gpt-image-2", "2k", "text-to-image"),
        ("gpt-image-2", "1k", "image-to-image"),
    } == kinds


def test_it_is_a_value():
    """Equal by content, hashable, picklable, and frozen."""
    request = GptImage2("a mug", image_urls=(URL,), key="sku-7")
    assert request == GptImage2("a mug", image_urls=(URL,), key="sku-7")
    assert request != attrs.evolve(request, key="sku-8")
    assert 1 == len({request, pickle.loads(pickle.dumps(request))})
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        request.prompt = "a cup"  # type: ignore[misc]


def test_a_changed_copy_is_checked_again():
    """There is no way round the check."""
    with pytest.raises(InvalidRequestError):
        attrs.evolve(GptImage2("a mug"), resolution="4k")
