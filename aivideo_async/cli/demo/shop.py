"""
What the demo orders: the pictures of a small invented shop.

Twelve shots: squares for the shop's pages, portraits for its feed. The last one asked
for is an edit, so it needs the picture of another.
"""

from __future__ import annotations

from aivideo_async import GptImage2

__all__ = ["PHOTO", "SHOTS", "edit_of"]

PROMPTS = {
    "1:1": {
        "MUG-RED": "A red stoneware mug, soft light from the left, paper backdrop",
        "LAMP-NAVY": "A navy desk lamp, soft light from the left, paper backdrop",
        "BOTTLE-TEAL": "A teal bottle of bath oil, on a plain backdrop, soft window light",
        "CHAIR-OLIVE": "An olive dining chair, soft studio light",
        "CUP-CREAM": "A cream espresso cup, soft daylight, seamless paper backdrop",
        "SNEAKER-WHITE": "A white sneaker, soft light from the left, paper backdrop",
        "TOTE-TAN": "A tan leather tote bag, plain backdrop, soft daylight",
    },
    "4:5": {
        "ARMCHAIR-ORANGE": "An orange armchair, soft studio light",
        "PERFUME-GOLD": "A gold perfume bottle, plain backdrop, soft daylight",
        "LAMP-YELLOW": "A yellow reading lamp, soft studio light",
        "BOOT-BROWN": "A brown suede boot, on a plain backdrop, soft window light",
    },
}
"""For each aspect ratio, the SKUs and their prompts."""

SHOTS = tuple(
    GptImage2(prompt, aspect_ratio=ratio, key=sku)
    for ratio, prompts in PROMPTS.items()
    for sku, prompt in prompts.items()
)
"""The shots that need nothing but a prompt."""

PHOTO = "TOTE-TAN"
"""The SKU whose picture is the reference of the edit."""


def edit_of(url: str) -> GptImage2:
    """Ask for the product in the picture at *url*, in another place."""
    return GptImage2(
        "The same tan leather tote bag on an oak bench in a sunlit hallway",
        image_urls=[url],
        aspect_ratio="1:1",
        key="TOTE-TAN-HALL",
    )
