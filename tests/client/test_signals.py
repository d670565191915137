"""Ctrl-C with a hundred paid requests on the wire: none is lost."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import pytest

from aivideo_async import Emulator
from aivideo_async.emulator import Act, Rule, Scenario, acts
from tests.client.world import WatchedEmulator

COUNT = 100
SCRIPT = Path(__file__).with_name("interrupted.py")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="signals are another matter"),
]


def selling(act: Act) -> WatchedEmulator:
    """Make an emulator whose creates all meet *act*, and whose tasks never end."""
    scenario = Scenario(rules=(Rule("create", act),), median=1e6)
    return WatchedEmulator(scenario, speed=1.0)


async def run_script(emulator: Emulator) -> Process:
    """Start the script against *emulator*."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        str(SCRIPT),
        emulator.url,
        str(COUNT),
        stdout=PIPE,
        stderr=PIPE,
        cwd=SCRIPT.parents[2],
        env={"PYTHONPATH": str(SCRIPT.parents[2])},
    )


async def test_an_interrupt_loses_none_of_a_hundred_creates():
    """The script waits for their answers and then knows every id."""
    async with selling(acts.slow(1.5)) as emulator:
        script = await run_script(emulator)
        await emulator.bought(COUNT)
        script.send_signal(signal.SIGINT)
        out, err = await script.communicate()
    charged = {entry.task_id for entry in emulator.ledger.charges}
    assert charged == set(json.loads(out)), err
    assert COUNT == len(charged)
    emulator.ledger.assert_clean()
    assert b"KeyboardInterrupt" in err
    assert 0 == err.count(b"its outcome is unknown")
    assert 1 == err.count(b"Closing: waiting")
    assert b"never retrieved" not in err


async def test_a_second_interrupt_leaves_at_once_and_says_what_is_open():
    """Each create without an answer is in the log as unknown."""
    async with selling(acts.HANGING) as emulator:
        script = await run_script(emulator)
        assert script.stderr is not None
        await emulator.bought(COUNT)
        script.send_signal(signal.SIGINT)
        assert b"Closing: waiting" in await script.stderr.readline()
        script.send_signal(signal.SIGINT)
        out, err = await script.communicate()
    assert COUNT == err.count(b"its outcome is unknown"), err
    assert [] == json.loads(out)
    assert b"never retrieved" not in err
    assert b"Task was destroyed" not in err
    assert COUNT == len(emulator.ledger.charges)


async def test_a_terminated_script_that_closes_its_client_loses_none():
    """SIGTERM as a service gets it: cancelled by a handler, closed, all ids known."""
    handler = (
        "import asyncio, runpy, signal, sys\n"
        "sys.argv = sys.argv[1:]\n"
        "script = runpy.run_path(sys.argv[0])\n"
        "async def main():\n"
        "    task = asyncio.ensure_future(script['main'](sys.argv[1], 100))\n"
        "    loop = asyncio.get_running_loop()\n"
        "    loop.add_signal_handler(signal.SIGTERM, task.cancel)\n"
        "    await asyncio.wait([task])\n"
        "asyncio.run(main())\n"
    )
    async with selling(acts.slow(1.5)) as emulator:
        script = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            handler,
            str(SCRIPT),
            emulator.url,
            stdout=PIPE,
            stderr=PIPE,
            env={"PYTHONPATH": str(SCRIPT.parents[2])},
        )
        await emulator.bought(COUNT)
        script.send_signal(signal.SIGTERM)
        out, err = await script.communicate()
    charged = {entry.task_id for entry in emulator.ledger.charges}
    assert charged == set(json.loads(out)), err
    assert COUNT == len(charged)
