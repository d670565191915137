"""What every test starts from: a clean environment, and a loop of its own choice."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings

from tests.warp import WarpLoop

pytest_plugins = ["pytester"]  # for the tests of our own plugin

# A busy machine must not fail a test: what is claimed here is never a duration.
settings.register_profile(
    "house", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("house")

# A job in the background inherits an ignored SIGINT, one under nohup an ignored SIGHUP,
# and with it the programs that tests interrupt; a handler of our own is not inherited.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

_PERSONAL = re.compile(
    r"AIVIDEOAPI_.*|AI_VIDEO_API_KEY|AIVIDEO_API_KEY|.*_PROXY", re.IGNORECASE
)

LoopFactories = dict[str, Callable[[], asyncio.AbstractEventLoop]]


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> LoopFactories:
    """Run a test on the real loop, unless its mark names others."""
    factories: LoopFactories = {"real": asyncio.new_event_loop}
    mark = item.get_closest_marker("asyncio")
    if mark is not None and "loop_factories" in mark.kwargs:
        factories["warp"] = WarpLoop
    return factories


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the developer's own keys and proxies from the tests."""
    for name in filter(_PERSONAL.fullmatch, list(os.environ)):
        monkeypatch.delenv(name)
