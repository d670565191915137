"""
``aivideo resolve``: purchases whose outcome is unknown, and what becomes of them.

    command      what the command takes
    ├── settling     lists them, and does what the user decided
    ├── adopting     looks at a task before it is adopted
    ├── gone         looks at a task in flight before it is given up
    ├── decisions    what the user decided, checked; pure
    └── evidence     what is known of each; pure
"""

from aivideo_async.cli.resolve.command import resolve

__all__ = ["resolve"]
