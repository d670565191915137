"""What a prompt asks for: a product out of our few, its colour and a backdrop."""

from __future__ import annotations

import colorsys
import hashlib
from collections.abc import Iterable

from attrs import frozen

from aivideo_async.emulator.pictures.shapes import PRODUCTS, Part

__all__ = ["RGB", "Subject", "ramp", "shade", "subject_of"]

RGB = tuple[int, int, int]

COLOURS: dict[str, RGB] = {
    "red": (196, 52, 48),
    "crimson": (164, 30, 52),
    "orange": (224, 120, 44),
    "yellow": (232, 184, 60),
    "gold": (206, 164, 74),
    "green": (74, 132, 88),
    "olive": (122, 124, 66),
    "mint": (150, 206, 178),
    "teal": (38, 124, 128),
    "turquoise": (64, 176, 176),
    "blue": (52, 98, 168),
    "navy": (34, 50, 92),
    "purple": (116, 74, 146),
    "violet": (126, 90, 170),
    "pink": (226, 134, 156),
    "brown": (122, 82, 56),
    "tan": (190, 150, 108),
    "beige": (216, 198, 168),
    "cream": (240, 230, 208),
    "white": (240, 238, 234),
    "silver": (188, 192, 198),
    "grey": (128, 132, 138),
    "gray": (128, 132, 138),
    "black": (46, 46, 52),
}

STEEL, WOOD, PAPER = (186, 178, 164), (166, 120, 80), (247, 244, 238)

FINISHES: dict[str, tuple[RGB | None, tuple[float, ...]]] = {
    "round": (None, (0.74, 0.98, 1.16, 1.05, 0.94, 0.82, 0.66, 0.58)),
    "flat": (None, (1.06, 1.0, 0.9, 0.84)),
    "dark": (None, (0.76, 0.7, 0.62, 0.58)),
    "inside": (None, (0.36, 0.42, 0.52, 0.58)),
    "light": (None, (1.14, 1.24, 1.1)),
    "trim": (STEEL, (0.62, 1.2, 0.96, 0.74, 0.56)),
    "wood": (WOOD, (1.1, 0.92, 0.76)),
    "paper": (PAPER, (0.94, 1.0, 0.98, 0.9)),
}
"""The colour of a finish, None for the product's own, and the light from the left."""

NAMES = {
    "mug": "mug cup coffee tea espresso",
    "bottle": "bottle perfume flask wine water shampoo serum lotion oil vase",
    "bag": "bag backpack tote purse handbag satchel pouch",
    "lamp": "lamp light lantern lampshade candle",
    "chair": "chair armchair stool sofa seat furniture room interior",
    "shoe": "shoe sneaker boot trainer sandal heel",
}
PRODUCT_OF = {word: name for name, words in NAMES.items() for word in words.split()}


@frozen
class Subject:
    """What a picture shows."""

    product: tuple[Part, ...]
    colour: RGB
    backdrop: RGB


def subject_of(prompt: str, seed: int) -> Subject:
    """
    Choose a product and colours by the prompt's words, and by a hash for the rest.

    Example:
        >>> subject_of("A red mug", 1).colour
        (196, 52, 48)
    """
    words = "".join(c if c.isalnum() else " " for c in prompt.lower()).split()
    chance = hashlib.sha256(prompt.encode()).digest()
    hue = chance[0] / 256 + seed * 0.381966 % 1 * 0.1
    named = (COLOURS[word] for word in words if word in COLOURS)
    return Subject(
        PRODUCTS[_product(words, chance[1])],
        next(named, None) or _hls(hue + 0.5, 0.46, 0.42),
        _hls(hue, 0.86, 0.44),
    )


def _product(words: list[str], chance: int) -> str:
    for word in words:
        name = PRODUCT_OF.get(word) or PRODUCT_OF.get(word.removesuffix("s"))
        if name is not None:
            return name
    return list(PRODUCTS)[chance % len(PRODUCTS)]


def ramp(finish: str, colour: RGB) -> tuple[RGB, ...]:
    """Return the colours of a part from left to right."""
    own, lights = FINISHES[finish]
    return tuple(shade(own or colour, light) for light in lights)


def shade(colour: RGB, light: float) -> RGB:
    """Darken *colour* if *light* is below 1, mix it with white above."""
    if light <= 1:
        return _rgb(channel * light for channel in colour)
    return _rgb(channel + (255 - channel) * (light - 1) for channel in colour)


def _hls(hue: float, light: float, saturation: float) -> RGB:
    channels = colorsys.hls_to_rgb(hue % 1, light, saturation)
    return _rgb(255 * channel for channel in channels)


def _rgb(channels: Iterable[float]) -> RGB:
    red, green, blue = (min(255, max(0, round(channel))) for channel in channels)
    return red, green, blue
