"""Ctrl-C and SIGTERM while money is under way: nothing that was paid for is lost."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from aivideo_async import GptImage2
from aivideo_async.cli.exits import Exit
from aivideo_async.cli.interrupts import DRAIN, Interrupts
from aivideo_async.emulator import Emulator, Rule, Scenario, acts
from tests.cli.processes import charged, ids_of, running
from tests.warp import warped

PROMPTS = [f"shot {number}" for number in range(40)]
TASK_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

BUSY = Scenario(median=2, spread=0, rate=10, burst=5)
"""Most purchases wait for the rate limit when the signal comes; some run."""

NEVER_DONE = Scenario(median=10_000, spread=0, rate=10, burst=5)


@pytest.mark.slow
async def test_the_first_ctrl_c_stops_the_buying_and_collects(tmp_path: Path):
    """Every charged task is a file whose path is printed; exit code 130."""
    async with Emulator(BUSY, speed=1) as emulator:
        async with running(emulator, tmp_path, "image", *PROMPTS) as command:
            await charged(emulator, 5)
            command.interrupt(signal.SIGINT)
            await command.says("Stopping: nothing new is sent")
            bought = ids_of(emulator)
            ran = await command.ends()
    assert 130 == ran.code
    assert bought == ids_of(emulator)  # not one more
    assert len(bought) < len(PROMPTS)
    assert {f"{task_id}.png" for task_id in bought} == {*ran.stdout.split()}
    assert f"{len(bought)} of 40 pictures saved" in ran.stderr
    assert ran.stderr.endswith("Stopped.\n")
    emulator.ledger.assert_clean()


@pytest.mark.slow
async def test_the_second_ctrl_c_leaves_and_names_what_is_paid_for(tmp_path: Path):
    """Every charged task stands in the command that picks it up; exit code 130."""
    async with Emulator(NEVER_DONE, speed=1) as emulator:
        async with running(emulator, tmp_path, "image", *PROMPTS) as command:
            await charged(emulator, 5)
            command.interrupt(signal.SIGINT)
            await command.says("Stopping")
            command.interrupt(signal.SIGINT)
            ran = await command.ends()
    (pick_up,) = re.findall("^  aivideo task download (.*)$", ran.stderr, re.MULTILINE)
    assert (130, "") == (ran.code, ran.stdout)
    assert ids_of(emulator) == {*pick_up.split()}
    assert "Traceback" not in ran.stderr
    emulator.ledger.assert_clean()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
async def test_sigterm_collects_within_its_time(
    tmp_path: Path, number: signal.Signals, code: int
):
    """As the first Ctrl-C, with the code that a supervisor expects; SIGHUP alike."""
    async with Emulator(BUSY, speed=1) as emulator:
        async with running(emulator, tmp_path, "image", *PROMPTS) as command:
            await charged(emulator, 3)
            command.interrupt(number)
            await command.says("is being collected, for 10 seconds at most.")
            ran = await command.ends()
    assert code == ran.code
    assert ids_of(emulator) == {*TASK_ID.findall(ran.stdout)}
    emulator.ledger.assert_clean()


@pytest.mark.slow
async def test_before_anything_is_bought_the_first_ctrl_c_leaves(tmp_path: Path):
    """The balance is being read, and no answer comes; exit code 130."""
    silent = Scenario(rules=(Rule("credits", acts.HANGING),))
    async with Emulator(silent) as emulator:
        async with running(emulator, tmp_path, "image", "a") as command:
            while not emulator.requests:
                await asyncio.sleep(0.01)
            command.interrupt(signal.SIGINT)
            ran = await command.ends()
    assert 130 == ran.code
    assert not emulator.ledger.charges


@pytest.fixture
def full() -> Iterator[TextIO]:
    """Open a file on a disk that is full."""
    path = Path("/dev/full")
    if not path.exists():
        pytest.skip("needs /dev/full")
    with path.open("w") as file:
        yield file


@pytest.mark.slow
async def test_paths_that_cannot_be_printed_are_a_full_disk(
    tmp_path: Path, full: TextIO
):
    """The pictures are saved all the same; exit code 8, and stderr says why."""
    async with Emulator(speed=1000) as emulator:
        async with running(
            emulator, tmp_path, "image", "a", "b", stdout=full
        ) as command:
            ran = await command.ends()
    assert 8 == ran.code
    assert "could not be written" in ran.stderr
    assert ids_of(emulator) == {name.removesuffix(".png") for name in saved(tmp_path)}


def saved(folder: Path) -> list[str]:
    """Name the pictures in *folder*."""
    return [path.name for path in folder.glob("*.png")]


@pytest.mark.slow
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
async def test_ids_that_one_stream_cannot_take_are_on_the_other(
    tmp_path: Path, full: TextIO, stream: str
):
    """What is paid for and not saved is told somewhere."""
    options = ("--json",) if stream == "stdout" else ()
    async with Emulator(NEVER_DONE, speed=1) as emulator:
        async with running(
            emulator, tmp_path, "image", *PROMPTS, *options, **{stream: full}
        ) as command:
            await charged(emulator, 5)
            command.interrupt(signal.SIGINT)
            command.interrupt(signal.SIGTERM)
            ran = await command.ends()
    assert ids_of(emulator) == {*TASK_ID.findall(ran.stdout + ran.stderr)}


@pytest.mark.slow
async def test_a_program_reads_the_ids_too(tmp_path: Path):
    """With --json they are in a warning; the last line has the code of a signal."""
    async with Emulator(NEVER_DONE, speed=1) as emulator:
        async with running(emulator, tmp_path, "image", "a", "--json") as command:
            await charged(emulator, 1)
            command.interrupt(signal.SIGINT)
            command.interrupt(signal.SIGTERM)  # whichever is delivered first
            ran = await command.ends()
    *_, warning, summary = map(json.loads, ran.stdout.splitlines())
    assert ran.code in {130, 143}
    assert ("summary", ran.code) == (summary["type"], summary["exit"])
    assert ids_of(emulator) == {*warning["ids"]}
    assert f"aivideo task download {warning['ids'][0]}" == warning["command"]


@pytest.mark.slow
async def test_waiting_ends_at_the_first_ctrl_c(tmp_path: Path):
    """It buys nothing, so there is nothing to collect; the ids are told again."""
    async with Emulator(NEVER_DONE, speed=1) as emulator:
        async with emulator.client() as client:
            task = await client.submit(GptImage2("a"))
        async with running(emulator, tmp_path, "task", "wait", task.id) as command:
            while len(emulator.requests) < 2:
                await asyncio.sleep(0.01)
            command.interrupt(signal.SIGINT)
            ran = await command.ends()
    assert (130, "") == (ran.code, ran.stdout)
    assert f"\n  aivideo task wait {task.id}\nStopped.\n" in ran.stderr


# --- the signals alone -------------------------------------------------------------


def send(number: signal.Signals) -> None:
    """Send this process a signal."""
    os.kill(os.getpid(), number)


@warped
async def test_a_supervisor_does_not_wait_for_ever():
    """Ten seconds after a SIGTERM it leaves, however much is under way."""

    async def work(interrupts: Interrupts) -> Exit:
        send(signal.SIGTERM)
        await interrupts.stop.wait()
        await asyncio.sleep(3600)
        return Exit.DONE

    assert Exit.TERMINATED is await Interrupts(collects=True).guard(work)
    assert DRAIN == asyncio.get_running_loop().time()


@warped
async def test_whoever_asks_patiently_is_left_in_peace():
    """After the first Ctrl-C the collecting may take as long as it takes."""

    async def work(interrupts: Interrupts) -> Exit:
        send(signal.SIGINT)
        await asyncio.sleep(3600)
        return Exit.DONE

    assert Exit.INTERRUPTED is await Interrupts(collects=True).guard(work)
    assert 3600 == asyncio.get_running_loop().time()


@warped
async def test_leaving_outlasts_a_client_that_is_patient():
    """Closing takes two cancellations; they come within a second."""

    async def work(interrupts: Interrupts) -> Exit:
        send(signal.SIGINT)
        try:
            await asyncio.sleep(3600)
        finally:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                await asyncio.sleep(3600)
        return Exit.DONE

    assert Exit.INTERRUPTED is await Interrupts(collects=False).guard(work)
    assert 1 > asyncio.get_running_loop().time()


@warped
async def test_the_handlers_are_gone_afterwards():
    """The signals mean again what they meant before."""
    loop = asyncio.get_running_loop()

    async def work(interrupts: Interrupts) -> Exit:
        return Exit.DONE

    assert Exit.DONE is await Interrupts(collects=True).guard(work)
    assert not loop.remove_signal_handler(signal.SIGINT)
    assert not loop.remove_signal_handler(signal.SIGTERM)


@warped
async def test_without_signal_handlers_a_cancellation_is_one(
    monkeypatch: pytest.MonkeyPatch,
):
    """As on Windows, where Ctrl-C cancels the command: nothing hides it."""
    loop = asyncio.get_running_loop()

    def refuse(*arguments: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(loop, "add_signal_handler", refuse)
    monkeypatch.setattr(loop, "remove_signal_handler", refuse)

    async def work(interrupts: Interrupts) -> Exit:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await Interrupts(collects=True).guard(work)
