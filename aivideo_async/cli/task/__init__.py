"""
``aivideo task``: what becomes of tasks that are paid for.

    command      what the three commands take
    ├── collecting   many tasks side by side, a line for each
    └── arrivals     how much of the downloads is here
"""

from aivideo_async.cli.task.command import task

__all__ = ["task"]
