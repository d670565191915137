"""The client in each scenario: whatever happens, the books of both sides agree."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from aivideo_async import (
    BillingError,
    Emulator,
    EmulatorTransport,
    GptImage2,
    Outcome,
    OutcomeUnknownError,
)
from aivideo_async.emulator import SCENARIOS
from tests.warp import warped


async def shop(emulator: Emulator, count: int = 30) -> list[Outcome]:
    """Order so many pictures in memory; a condition that concerns all may end it."""
    outcomes: list[Outcome] = []
    requests = (GptImage2(f"mug {number}") for number in range(count))
    transport = EmulatorTransport(emulator)
    async with emulator.client(transport=transport) as client:
        with suppress(BillingError):  # it stops a run, and is in its outcomes too
            async for outcome in client.generate_many(requests, timeout=3600):
                outcomes.append(outcome)  # noqa: PERF401
        assert () == tuple(client.unclaimed)
    return outcomes


@warped
@pytest.mark.parametrize("name", SCENARIOS)
async def test_a_client_gets_through_every_scenario(name: str):
    """Each charge is in an outcome by its id, or belongs to an unknown outcome."""
    emulator = Emulator(name)
    outcomes = await shop(emulator)
    known = {
        outcome.task.id if outcome.task else outcome.error and outcome.error.task_id
        for outcome in outcomes
    }
    unknown = [o for o in outcomes if isinstance(o.error, OutcomeUnknownError)]
    charged = {entry.task_id for entry in emulator.ledger.charges}
    assert 30 == len(outcomes)
    assert len(charged - known) <= len(unknown)
    assert known - {None} <= charged
    emulator.ledger.assert_clean()


async def statuses_of_files(name: str, folder: Path) -> list[int | None]:
    """Download one picture in a scenario, and return what its host answered."""
    emulator = Emulator(name, speed=1e6)
    async with emulator, emulator.client() as client:
        task = await client.submit(GptImage2("a mug"))
        (path,) = await client.download(await client.get_task(task.id), folder)
    assert path.read_bytes().endswith(b"IEND\xaeB`\x82")
    return [r.status for r in emulator.requests if r.path.startswith("/files/")]


async def test_an_address_that_expired_is_met_with_a_second_look(tmp_path: Path):
    """The file is not lost: the task shows a good address."""
    assert [403, 200] == await statuses_of_files("expired-urls", tmp_path)


async def test_a_download_that_breaks_off_is_completed(tmp_path: Path):
    """The client tries again by itself, for the rest or for the whole."""
    first, second = await statuses_of_files("truncated-download", tmp_path)
    assert 200 == first
    assert second in {200, 206}
