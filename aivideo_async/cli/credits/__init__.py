"""
``aivideo credits``: the account.

    command      what the command takes
    └── balance      what it shows
"""

from aivideo_async.cli.credits.command import credits

__all__ = ["credits"]
