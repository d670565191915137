"""
Fixtures for the tests of programs that use this library: no key, no network, no cost.

pytest finds them by itself once the package is installed:

- ``aivideo_emulator``: an `Emulator` that runs beside the test, in a thread of its own,
  so the test may be synchronous or use any event loop. The environment points to it: an
  ``AsyncClient()`` anywhere in the program under test talks to it without a change.
  After the test its ledger must be clean: nothing charged twice, every failure refunded.
- ``aivideo_client``: an `AsyncClient` of that emulator which looks at its tasks often,
  closed after the test. It needs pytest-asyncio or, where that is not installed, anyio.

A mark chooses how the service behaves; it takes what `Emulator` takes::

    @pytest.mark.aivideo("lost-reply", seed=7)
    def test_a_lost_reply_is_told_to_the_customer(aivideo_emulator): ...

This module is imported by every pytest run of an environment, so it imports nothing
heavy before a fixture is used.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from aivideo_async import AsyncClient, Emulator

try:
    from pytest_asyncio import fixture as async_fixture
except ImportError:  # anyio runs plain fixtures that are async
    async_fixture = pytest.fixture  # type: ignore[assignment]

__all__ = ["aivideo_client", "aivideo_emulator", "pytest_configure"]

SPEED = 200.0  # a task of eight seconds takes 40 ms


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line(
        "markers",
        "aivideo(scenario='steady', **options): how the emulator behaves in this test; "
        "takes what aivideo_async.Emulator takes.",
    )


@pytest.fixture
def aivideo_emulator(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Emulator]:
    """Run an emulator that ``AsyncClient()`` finds; its ledger is checked afterwards."""
    from aivideo_async import Emulator

    mark = request.node.get_closest_marker("aivideo")
    arguments, options = (mark.args, mark.kwargs) if mark is not None else ((), {})
    with Emulator(*arguments, **{"speed": SPEED, **options}) as emulator:
        for name, value in emulator.environment.items():
            monkeypatch.setenv(name, value)
        yield emulator
    emulator.ledger.assert_clean()


@async_fixture
async def aivideo_client(aivideo_emulator: Emulator) -> AsyncIterator[AsyncClient]:
    """Open a client of the emulator that sees the end of a task soon."""
    from aivideo_async import Backoff

    polling = Backoff(initial=0.02, cap=0.2)
    async with aivideo_emulator.client(polling=polling) as client:
        yield client
