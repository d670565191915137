"""
``aivideo plan``: what a run would buy, and what that would cost; nothing is sent.

    command      what the command takes
    ├── asked        which part of which sheet, also for ``aivideo run``
    └── screen       a plan as people and programs see it
"""

from aivideo_async.cli.plan.command import plan

__all__ = ["plan"]
