"""Client and server on a core each, so that neither takes the other's time."""

from __future__ import annotations

import os

__all__ = ["CLIENT", "SERVER", "pin"]

CLIENT, SERVER = 0, 1
"""Places among the cores."""

CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
"""What we may use; asked for before anybody is pinned."""


def pin(place: int, process: int = 0) -> None:
    """Keep a *process* (or this one) on one core, if the system can and has two."""
    if len(CORES) > 1:
        os.sched_setaffinity(process, {CORES[place]})
