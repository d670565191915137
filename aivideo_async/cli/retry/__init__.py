"""
``aivideo retry``: buy again what failed in a run; it needs no sheet.

    command      what the command takes
    └── choosing     which pictures are meant, and whether they may be bought again
"""

from aivideo_async.cli.retry.command import retry

__all__ = ["retry"]
