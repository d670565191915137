"""``aivideo image``: pictures from prompts, one-off."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import click

from aivideo_async.cli.money import choices
from aivideo_async.cli.options import POSITIVE, Command, Settings, pass_settings
from aivideo_async.cli.streams import stdin_lines

__all__ = ["image"]

MOST = 250
"""How many pictures at once: all are in flight, so that Ctrl-C can withdraw each."""

EXAMPLES = """\
aivideo image "a red mug on a white table" -o mug.png
aivideo image "a red mug" "a blue mug" --resolution 2k -o mugs/
aivideo image "on a white background" -i https://example.com/photo.jpg
aivideo image -n 4 -y - -o mugs/ < prompts.txt"""


@click.command(cls=Command, epilog=EXAMPLES)
@click.argument("prompts", nargs=-1, metavar='"PROMPT"...')
@click.option(
    "-i",
    "--image",
    "image_urls",
    multiple=True,
    metavar="URL",
    help="A picture to work from; up to 16. The service fetches it itself.",
)
@click.option(
    "--aspect-ratio",
    type=click.Choice(choices("aspect_ratio")),
    default="auto",
    metavar="W:H",
    help="auto (default), 1:1, 4:5, 16:9 ...",
)
@click.option(
    "--resolution",
    type=click.Choice(choices("resolution")),
    default="1k",
    show_default=True,
    help="It decides the price; see aivideo price.",
)
@click.option(
    "--nsfw-checker/--no-nsfw-checker",
    default=True,
    help="Whether the service checks the content (default: yes).",
)
@click.option(
    "-n",
    "count",
    default=1,
    type=click.IntRange(1, MOST),
    metavar="N",
    help="So many pictures of each prompt.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path(),
    metavar="DIR|FILE",
    help="Where they go: a folder, or for one picture a file such as mug.png.",
)
@click.option("-y", "--yes", is_flag=True, help="Spend more than $1 without asking.")
@click.option(
    "--timeout",
    type=POSITIVE,
    metavar="SECONDS",
    help="Wait so long for each; it goes on and can be picked up later.",
)
@pass_settings
def image(
    settings: Settings,
    /,
    prompts: tuple[str, ...],
    count: int,
    output: Path,
    yes: bool,
    timeout: float | None,
    **about: Any,
) -> int:
    """
    Generate pictures and print the paths of their files. This spends money.

    With the prompt - they are read from stdin, one per line. The price is shown
    first, and above $1 it asks. What was bought and not saved is told at the end.
    """
    from aivideo_async.cli import interrupts
    from aivideo_async.cli.image.buying import Purchase
    from aivideo_async.cli.image.order import Order
    from aivideo_async.cli.target import Target

    texts = (text for prompt in prompts for text in expanded(prompt))
    wanted = list(islice(texts, MOST + 1))
    if not wanted and not about["image_urls"]:
        raise click.UsageError("Give a prompt, or a picture to work from with -i URL.")
    order = Order.of(wanted or [None], count, about, timeout)
    if len(order.requests) > MOST:
        raise click.UsageError(
            f"{len(order.requests):,} pictures are more than {MOST} at once: give "
            "fewer prompts, or use generate_many of the library."
        )
    target = Target.read(output, len(order.requests))
    order.announce(settings.console)
    order.confirm(settings.console, yes=yes)
    target.check()
    purchase = Purchase(order, target, settings)
    return interrupts.run(purchase.make, collects=False)  # until it buys


def expanded(prompt: str) -> Iterator[str]:
    """Read prompts from stdin if that is what *prompt* says."""
    if prompt != "-":
        yield prompt
    else:
        yield from stdin_lines()
