"""The façade: `AsyncClient`, the one object a program holds."""

from aivideo_async.client.client import AsyncClient

__all__ = ["AsyncClient"]
