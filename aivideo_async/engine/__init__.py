"""The engine: the pool, the request workers, and one heap of due polls."""

from aivideo_async.engine.engine import Engine
from aivideo_async.engine.stats import Stats

__all__ = ["Engine", "Stats"]
