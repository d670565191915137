"""The pictures: valid, of the right size, plainly emulated, always the same."""

from __future__ import annotations

import sys
from collections.abc import Callable
from io import BytesIO
from itertools import product

import pytest
from PIL import Image

from aivideo_async.emulator import Picture, picture_size
from aivideo_async.emulator.pictures import SOFTWARE, plain, render, studio
from aivideo_async.emulator.pictures.scene import compose
from aivideo_async.emulator.pictures.shapes import LETTERS, PRODUCTS, Outline, outlines
from aivideo_async.emulator.pictures.subject import COLOURS, subject_of
from aivideo_async.models.catalogue import catalogue, problems

SPEC = catalogue()["gpt-image-2"]
ALLOWED = [
    (ratio, tier)
    for ratio, tier in product(
        SPEC.fields["aspect_ratio"].choices, SPEC.fields["resolution"].choices
    )
    if not problems(SPEC, {"prompt": "a", "aspect_ratio": ratio, "resolution": tier})
]
AREAS = {"1k": 1024**2, "2k": 2048**2, "4k": 3840 * 2160}

Painter = Callable[[Picture, str], bytes]
PAINTERS = pytest.mark.parametrize(
    "paint", [plain.paint, studio.paint], ids=["plain", "studio"]
)


def opened(data: bytes) -> Image.Image:
    """Decode a PNG to its last byte."""
    image = Image.open(BytesIO(data))
    image.load()
    return image


# --- sizes ------------------------------------------------------------------------------


@pytest.mark.parametrize(("ratio", "tier"), ALLOWED, ids=lambda value: value)
def test_each_size_fits_its_ratio_and_tier(ratio: str, tier: str):
    """Multiples of 16, the ratio within 2 %, the area within 3 %."""
    width, height = picture_size(ratio, tier)
    across, down = (1, 1) if ratio == "auto" else map(int, ratio.split(":"))
    assert (0, 0) == (width % 16, height % 16)
    assert across / down == pytest.approx(width / height, rel=0.02)
    assert AREAS[tier] == pytest.approx(width * height, rel=0.03)


@PAINTERS
@pytest.mark.parametrize(
    ("ratio", "tier"), [("auto", "1k"), ("9:21", "1k"), ("21:9", "1k"), ("16:9", "4k")]
)
def test_each_painter_makes_a_valid_png_of_the_size(
    paint: Painter, ratio: str, tier: str
):
    """It decodes, and it says in a text chunk that it is emulated."""
    width, height = picture_size(ratio, tier)
    image = opened(paint(Picture("a blue lamp", width, height), SOFTWARE))
    assert ("PNG", "RGB", (width, height)) == (image.format, image.mode, image.size)
    assert SOFTWARE == image.info["Software"]
    assert "EMULATED" in SOFTWARE


@pytest.mark.slow
@pytest.mark.parametrize(("ratio", "tier"), ALLOWED, ids=lambda value: value)
def test_every_allowed_size_can_be_delivered(ratio: str, tier: str):
    """All ratios and tiers of the model, by both painters."""
    size = picture_size(ratio, tier)
    for paint in (plain.paint, studio.paint):
        assert (
            size == opened(paint(Picture("a red mug", *size, edit=True), SOFTWARE)).size
        )


# --- content ----------------------------------------------------------------------------


@PAINTERS
def test_equal_pictures_are_equal_bytes(paint: Painter):
    """Another prompt, seed or kind makes another picture."""
    picture = Picture("a mug", 256, 256, seed=1)
    others = [
        Picture("a lamp", 256, 256, seed=1),
        Picture("a mug", 256, 256, seed=2),
        Picture("a mug", 256, 256, seed=1, edit=True),
    ]
    first = paint(picture, SOFTWARE)
    assert first == paint(picture, SOFTWARE)
    assert all(first != paint(other, SOFTWARE) for other in others)


@PAINTERS
def test_the_mark_is_laid_over_the_picture(paint: Painter):
    """The stem of an E is lighter than the paper to its left."""
    picture = Picture("a black bag", 512, 512)
    image = opened(paint(picture, SOFTWARE)).convert("L")
    for letter in (compose(picture).mark[0], compose(picture).mark[6]):
        stem, beside = beside_the_stem(letter[0], 1.1), beside_the_stem(letter[0], -1.4)
        assert value(image, stem) > value(image, beside) + 10


def beside_the_stem(e: Outline, right: float) -> tuple[float, float]:
    """Go half down an E, and *right* out of its seven units across."""
    (x, y), (across_x, across_y), *_, (down_x, down_y) = e
    return (
        x + (across_x - x) * right / 7 + (down_x - x) / 2,
        y + (across_y - y) * right / 7 + (down_y - y) / 2,
    )


def value(image: Image.Image, at: tuple[float, float]) -> float:
    """Read one grey pixel."""
    pixel = image.getpixel((round(at[0]), round(at[1])))
    assert isinstance(pixel, int)
    return pixel


@PAINTERS
def test_the_product_has_the_colour_that_the_prompt_names(paint: Painter):
    """A red mug is red where no letter lies on it."""
    image = opened(paint(Picture("a red mug", 512, 512), SOFTWARE))
    red, green, blue = image.getpixel((190, 380))  # type: ignore[misc]
    assert red > 2 * max(green, blue)


def darkest(prompt: str, box: tuple[int, int, int, int]) -> int:
    """Return the darkest grey that Pillow paints inside *box*."""
    image = opened(studio.paint(Picture(prompt, 512, 512), SOFTWARE)).convert("L")
    (dark, _) = image.crop(box).getextrema()
    assert isinstance(dark, int)
    return dark


@pytest.mark.parametrize(
    ("prompt", "lines"),
    [
        ("赤いマグカップ", [False, False]),
        ("a mug", [False, True]),
        ("a mug on a table, " + "in soft morning light, " * 9, [True, True]),
    ],
    ids=["no letters", "short", "long"],
)
def test_the_prompt_is_written_under_the_picture(prompt: str, lines: list[bool]):
    """In two lines at most, as far as the font has its letters."""
    boxes = [(22, 464, 490, 476), (22, 478, 490, 490)]
    assert lines == [darkest(prompt, box) < 90 for box in boxes]


@PAINTERS
def test_an_edit_shows_its_reference_in_the_corner(paint: Painter):
    """A white frame, where otherwise the backdrop is."""
    pictures = [Picture("a mug", 512, 512, edit=edit) for edit in (False, True)]
    plainly, edited = (opened(paint(p, SOFTWARE)).convert("L") for p in pictures)
    assert value(edited, (32, 32)) > 245 > value(plainly, (32, 32))


@PAINTERS
@pytest.mark.parametrize(
    "prompt", ["", "赤いマグカップ", "🦄\n\t\x00", "word " * 4000], ids=range(4)
)
def test_any_prompt_can_be_drawn(paint: Painter, prompt: str):
    """Empty, foreign, odd and long ones."""
    assert (256, 128) == opened(paint(Picture(prompt, 256, 128), SOFTWARE)).size


@PAINTERS
@pytest.mark.parametrize("name", PRODUCTS)
@pytest.mark.parametrize("size", [(16, 16), (64, 400), (400, 64)], ids=str)
def test_each_product_fits_any_canvas(paint: Painter, name: str, size: tuple[int, int]):
    """Also where it is cut off or tiny."""
    assert size == opened(paint(Picture(f"a {name}", *size, edit=True), SOFTWARE)).size


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("A red MUG, on a table", "mug"),
        ("three perfume bottles", "bottle"),
        ("backpack beside a lamp", "bag"),
        ("my sneakers", "shoe"),
        ("Convert this room into a warm interior", "chair"),
    ],
)
def test_the_first_product_that_is_named_is_shown(prompt: str, name: str):
    """In any case, also in the plural."""
    assert PRODUCTS[name] == subject_of(prompt, 1).product


def test_a_prompt_without_a_product_gets_one_by_chance():
    """Always the same for it, and all of them for many."""
    shown = [subject_of(f"thing {number}", 1) for number in range(100)]
    assert len(PRODUCTS) == len({subject.product for subject in shown})
    assert 50 < len({subject.colour for subject in shown})


def test_the_first_colour_that_is_named_is_used():
    """A red mug on a white table is red."""
    assert COLOURS["red"] == subject_of("a red mug on a white table", 1).colour


def test_the_mark_spells_emulated():
    """Each letter in its place."""
    mark = compose(Picture("a mug", 512, 512)).mark
    assert [len(outlines(LETTERS[letter][1])) for letter in "EMULATED"] == [
        len(letter) for letter in mark
    ]


# --- rendering --------------------------------------------------------------------------


def test_a_picture_is_drawn_with_pillow_where_it_is_installed():
    """And once: the bytes are kept."""
    picture = Picture("a mug", 128, 128, seed=7)
    assert studio.paint(picture, SOFTWARE) == render(picture)
    assert render(picture) is render(picture)


def test_a_picture_is_drawn_plainly_without_pillow(monkeypatch: pytest.MonkeyPatch):
    """Valid, and of the same size."""
    monkeypatch.setitem(sys.modules, "aivideo_async.emulator.pictures.studio", None)
    picture = Picture("a mug", 128, 128, seed=8)
    assert plain.paint(picture, SOFTWARE) == render(picture)
