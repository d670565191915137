"""
Odd answers from the wire, for the few that the emulator cannot give.

aioresponses 0.7.9 does not know an argument that aiohttp 3.14 asks for; this repairs
it. It is the only place where a mock is allowed. Delete the repair when aioresponses
works without it (its issue 289).
"""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import aiohttp
from aioresponses import aioresponses

__all__ = ["MockedWire"]


class _Response(aiohttp.ClientResponse):
    def __init__(self, *args: Any, stream_writer: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, stream_writer=stream_writer or Mock(), **kwargs)


class MockedWire(aioresponses):
    """`aioresponses` that works: ``with MockedWire() as wire: wire.get(url, …)``."""

    def add(self, *args: Any, **kwargs: Any) -> None:
        """Register an answer, see aioresponses."""
        kwargs.setdefault("response_class", _Response)
        super().add(*args, **kwargs)
