"""
``aivideo image``: pictures from prompts, one-off.

    command      what the command takes
    ├── order        what to buy, what it costs, and whether to
    └── buying       buy it, save it, and say what became of each
"""

from aivideo_async.cli.image.command import image

__all__ = ["image"]
