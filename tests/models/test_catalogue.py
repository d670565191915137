"""The catalogue: a new model is a new table, never new code."""

from __future__ import annotations

import math
import tomllib
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from aivideo_async.models.catalogue import (
    ModelSpec,
    catalogue,
    credits_for,
    problems,
    spec_for,
)
from aivideo_async.models.convert import converter
from aivideo_async.models.strictjson import encode

# Some models as the service documents them, in the form of catalogue.toml.
OTHERS = """
[nano-banana-2]
kind = "image"
endpoint = "/v1/images/generations"
modes = ["text-to-image", "image-edit"]
references = "image_urls"
fields.prompt = { type = "text", required = true, max_chars = 20000 }
fields.resolution = { type = "choice", default = "1K", choices = ["1K", "2K", "4K"] }
fields.output_format = { type = "choice", default = "jpg", choices = ["jpg", "png"] }
fields.image_urls = { type = "urls", max_items = 14 }
[[nano-banana-2.prices]]
dated = "2026-04"
source = "its page"
by = ["resolution"]
credits = { 1K = 16, 2K = 24, 4K = 36 }

[ideogram-v4]
kind = "image"
endpoint = "/v1/images/generations"
modes = ["text-to-image"]
fields.prompt = { type = "text", required = true, max_chars = 5000 }
[ideogram-v4.fields.size]
type = "choice"
default = "1:1"
choices = ["1:1", "3:4", "9:16", "4:3", "16:9"]
[ideogram-v4.fields.rendering_speed]
type = "choice"
default = "BALANCED"
choices = ["TURBO", "BALANCED", "QUALITY"]
[[ideogram-v4.prices]]
dated = "2026-04"
source = "its page"
by = ["rendering_speed"]
credits = { TURBO = 16, BALANCED = 28, QUALITY = 44 }

[kling]
kind = "video"
endpoint = "/v1/videos/generations"
modes = ["text-to-video", "image-to-video", "multi-shot"]
require = ["prompt", "image_urls", "multi_prompt"]
fields.prompt = { type = "text", max_chars = 2500 }
fields.image_urls = { type = "urls", max_items = 2 }
fields.mode = { type = "choice", default = "std", choices = ["std", "pro"] }
fields.duration = { type = "integer", default = 5, minimum = 3, maximum = 15 }
fields.sound = { type = "flag", default = false }
fields.multi_prompt = { type = "any" }
[[kling.prices]]
dated = "newer"
source = "its page in Chinese"
by = ["mode", "sound"]
per = "duration"
credits = { "std/false" = 28, "std/true" = 40, "pro/false" = 36, "pro/true" = 54 }
[[kling.prices]]
dated = "older"
source = "an older copy"
by = ["mode"]
credits = { std = 100, pro = 200 }

[sora-2]
kind = "video"
endpoint = "/v1/videos/generations"
modes = ["text-to-video", "image-to-video"]
references = "image_urls"
fields.prompt = { type = "text", required = true, max_chars = 5000 }
fields.aspect_ratio = { type = "choice", required = true, choices = ["16:9", "9:16"] }
fields.image_urls = { type = "urls", max_items = 1 }
[sora-2.fields.duration]
type = "integer"
required = true
minimum = 4
maximum = 12
choices = [4, 8, 12]
[[sora-2.prices]]
dated = "2026-04"
source = "its page"
per = "duration"
credits = { "" = 25 }

[suno]
kind = "music"
endpoint = "/v1/music/generations"
fields.prompt = { type = "text", max_chars = 3000 }
fields.instrumental = { type = "flag", default = false }
fields.style_weight = { type = "number", minimum = 0, maximum = 1 }
fields.tempo = { type = "number" }
[[suno.prices]]
dated = "2026-04"
source = "its page"
credits = { "" = 24 }
"""
SPECS = converter.structure(
    tomllib.loads(OTHERS, parse_float=Decimal), dict[str, ModelSpec]
)
NANO, IDEOGRAM, SUNO = (
    SPECS[name] for name in ("nano-banana-2", "ideogram-v4", "suno")
)
KLING, SORA = SPECS["kling"], SPECS["sora-2"]
WAVE = {"prompt": "a wave", "duration": 4, "aspect_ratio": "16:9"}


def wrong(spec: ModelSpec, values: dict[str, Any]) -> list[str]:
    """Name the fields that are wrong."""
    return [problem.field for problem in problems(spec, values)]


# --- the table itself -----------------------------------------------------------


@pytest.mark.parametrize("model", catalogue())
def test_the_defaults_of_each_model_are_acceptable(model: str):
    """Spelling out a default changes nothing; alone, they lack something to do."""
    spec = catalogue()[model]
    defaults = {
        name: field.default
        for name, field in spec.fields.items()
        if field.default is not None
    }
    given = defaults | {"prompt": "a mug"}
    assert [] == problems(spec, given) == problems(spec, {"prompt": "a mug"})
    assert "prompt" in wrong(spec, defaults)


@pytest.mark.parametrize("model", catalogue())
def test_each_price_table_has_a_price_for_each_choice(model: str):
    """And says where it is from; none is for nothing."""
    spec = catalogue()[model]
    for number, table in enumerate(spec.prices):
        choices = [spec.fields[name].choices for name in table.by]
        for words in product(*choices):
            values = dict(zip(table.by, words, strict=True))
            credits = credits_for(spec, values, table=number)
            assert credits is not None
            assert credits > 0
        assert table.dated
        assert table.source


@pytest.mark.parametrize("model", catalogue())
def test_the_rules_of_each_model_speak_of_its_fields(model: str):
    """And of values that these can have."""
    spec = catalogue()[model]
    for rule in spec.rules:
        assert set(rule.choices) <= set(spec.fields[rule.field].choices)
        for name, value in rule.when.items():
            assert value in spec.fields[name].choices


@pytest.mark.parametrize("model", catalogue())
def test_each_field_of_each_model_is_checked(model: str):
    """No type is misspelt: something odd is wrong in every field."""
    spec = catalogue()[model]
    for name in spec.fields:
        assert [name] == wrong(spec, {"prompt": "a mug", name: object()})


def test_a_model_that_is_not_in_the_table_is_not_known():
    """The lookup says None; it does not guess."""
    assert spec_for("gpt-image-3") is None


# --- other models as data -------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "values", "expected"),
    [
        pytest.param(NANO, {"prompt": "x", "resolution": "4K"}, [], id="nano: 4K"),
        pytest.param(
            NANO, {"prompt": "x", "resolution": "4k"}, ["resolution"], id="nano: 4k"
        ),
        pytest.param(NANO, {}, ["prompt"], id="nano: nothing"),
        pytest.param(
            NANO,
            {"prompt": "x", "image_urls": ["https://example.com/a.png"] * 15},
            ["image_urls"],
            id="nano: 15 pictures",
        ),
        pytest.param(IDEOGRAM, {"prompt": "x", "size": "3:4"}, [], id="ideogram: size"),
        pytest.param(
            IDEOGRAM,
            {"prompt": "x", "aspect_ratio": "3:4"},
            ["aspect_ratio"],
            id="ideogram: ratio",
        ),
        pytest.param(
            IDEOGRAM, {"prompt": "x" * 5001}, ["prompt"], id="ideogram: too long"
        ),
        pytest.param(
            KLING, {"multi_prompt": [{"prompt": "x", "duration": 3}]}, [], id="kling"
        ),
        pytest.param(KLING, {"mode": "pro"}, ["prompt"], id="kling: nothing"),
        pytest.param(KLING, {"prompt": "x", "duration": 3}, [], id="kling: 3 s"),
        pytest.param(KLING, {"prompt": "x", "duration": 15}, [], id="kling: 15 s"),
        pytest.param(
            KLING, {"prompt": "x", "duration": 2}, ["duration"], id="kling: 2 s"
        ),
        pytest.param(
            KLING, {"prompt": "x", "duration": 16}, ["duration"], id="kling: 16 s"
        ),
        pytest.param(
            KLING, {"prompt": "x", "duration": 5.0}, ["duration"], id="kling: 5.0 s"
        ),
        pytest.param(
            KLING, {"prompt": "x", "duration": True}, ["duration"], id="kling: True s"
        ),
        pytest.param(SORA, WAVE, [], id="sora: 4 s"),
        pytest.param(SORA, WAVE | {"duration": "4"}, ["duration"], id="sora: '4' s"),
        pytest.param(SORA, WAVE | {"duration": 5}, ["duration"], id="sora: 5 s"),
        pytest.param(
            SORA, {"prompt": "x"}, ["aspect_ratio", "duration"], id="sora: prompt alone"
        ),
        pytest.param(SUNO, {"prompt": "x", "style_weight": 1}, [], id="suno: 1"),
        pytest.param(SUNO, {"prompt": "x", "style_weight": 0.5}, [], id="suno: .5"),
        pytest.param(
            SUNO, {"prompt": "x", "style_weight": 1.01}, ["style_weight"], id="suno: >1"
        ),
        pytest.param(
            SUNO, {"prompt": "x", "style_weight": "1"}, ["style_weight"], id="suno: '1'"
        ),
        pytest.param(
            SUNO, {"prompt": "x", "instrumental": 0}, ["instrumental"], id="suno: flag"
        ),
    ],
)
def test_other_models_are_checked_by_their_data(
    spec: ModelSpec, values: dict[str, Any], expected: list[str]
):
    """Names, capitals, required fields, types and limits are the model's own."""
    assert expected == sorted(wrong(spec, values))


@pytest.mark.parametrize(
    ("spec", "values", "credits"),
    [
        pytest.param(NANO, {}, 16, id="nano by default"),
        pytest.param(NANO, {"resolution": "4K"}, 36, id="nano in 4K"),
        pytest.param(NANO, {"resolution": "8K"}, None, id="nano in no tier"),
        pytest.param(IDEOGRAM, {"rendering_speed": "QUALITY"}, 44, id="ideogram"),
        pytest.param(KLING, {}, 140, id="kling by default"),
        pytest.param(KLING, {"sound": True, "duration": 3}, 120, id="kling with sound"),
        pytest.param(
            KLING, {"mode": "pro", "sound": False, "duration": 15}, 540, id="kling pro"
        ),
        pytest.param(KLING, {"duration": "soon"}, None, id="kling of no length"),
        pytest.param(SORA, WAVE | {"duration": 12}, 300, id="sora"),
        pytest.param(SORA, {}, None, id="sora of no length"),
        pytest.param(SUNO, {}, 24, id="suno"),
    ],
)
def test_other_models_are_priced_by_their_data(
    spec: ModelSpec, values: dict[str, Any], credits: int | None
):
    """Flat, by a field, by two, by the second; and None where nothing is known."""
    assert credits == credits_for(spec, values)


def test_a_price_table_can_be_chosen():
    """There is no third one; that is unknown, not free."""
    values = {"mode": "pro", "duration": 10}
    prices = [credits_for(KLING, values, table=number) for number in range(3)]
    assert [360, 200, None] == prices


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(0.5, id="float"),
        pytest.param(-7, id="int"),
        pytest.param(math.nan, id="NaN"),
        pytest.param(math.inf, id="infinity"),
        pytest.param(-math.inf, id="minus infinity"),
        pytest.param(Decimal("0.5"), id="Decimal"),
        pytest.param(10**400, id="400 digits"),
        pytest.param(10**5000, id="5,000 digits"),
    ],
)
def test_a_number_that_is_accepted_can_be_sent(number: Any):
    """What passes the check is JSON; the rest is refused by name."""
    values = {"prompt": "x", "tempo": number}
    if [] == wrong(SUNO, values):
        assert encode(values)
    else:
        assert ["tempo"] == wrong(SUNO, values)


# --- what is said ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "values", "text"),
    [
        pytest.param(
            NANO, {"prompt": "x", "fast": 1},
            "fast: unknown field. Known: prompt, resolution, output_format, "
            "image_urls.",
            id="unknown",
        ),
        pytest.param(NANO, {}, "prompt is required.", id="required"),
        pytest.param(
            KLING, {"prompt": "x", "duration": 2},
            "duration=2 is too small: at least 3.", id="too small",
        ),
        pytest.param(
            KLING, {"prompt": "x", "duration": 16},
            "duration=16 is too large: at most 15.", id="too large",
        ),
        pytest.param(
            KLING, {"prompt": "x", "duration": 2.5},
            "duration=2.5 is not a whole number.", id="not whole",
        ),
        pytest.param(
            SUNO, {"prompt": "x", "tempo": "fast"},
            "tempo='fast' is not a number.", id="not a number",
        ),
    ],
)  # fmt: skip
def test_a_problem_is_told_in_one_sentence(
    spec: ModelSpec, values: dict[str, Any], text: str
):
    """With the field, its value and the rule."""
    assert [text] == [problem.text for problem in problems(spec, values)]


@pytest.mark.parametrize(
    ("spec", "values", "path", "rule"),
    [
        (NANO, {"prompt": "x", "fast": 1}, "fast", "is not a known field."),
        (NANO, {}, "prompt", "is required."),
        (KLING, {"prompt": "x", "duration": 2}, "duration", "must be at least 3."),
        (KLING, {"prompt": "x", "duration": 16}, "duration", "must be at most 15."),
        (
            KLING,
            {"prompt": "x", "duration": 2.5},
            "duration",
            "must be a whole number.",
        ),
        (SUNO, {"prompt": "x", "tempo": "fast"}, "tempo", "must be a number."),
        (
            NANO,
            {"prompt": "x", "image_urls": ["https://e.com/a", 1]},
            "image_urls[1]",
            "must be an absolute http(s) URL.",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_problem_is_told_as_the_service_does(
    spec: ModelSpec, values: dict[str, Any], path: str, rule: str
):
    """With the path, down to the entry of a list, and the rule."""
    assert [(path, rule)] == [(each.path, each.rule) for each in problems(spec, values)]


def test_none_counts_as_not_given():
    """A required field of None is missing; another one is left out."""
    assert ["prompt"] == wrong(NANO, {"prompt": None, "resolution": None})
    assert 16 == credits_for(NANO, {"resolution": None})


def test_rules_are_asked_last():
    """A value that is wrong in itself is not blamed on its combination."""
    spec = catalogue()["gpt-image-2"]
    values = {"prompt": "x", "resolution": "4k", "aspect_ratio": "7:5"}
    (problem,) = problems(spec, values)
    assert "not one of the allowed values" in problem.text
