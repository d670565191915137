"""The object that people use: its settings, its client, its face."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from typing import Any

import pytest

from aivideo_async import AsyncClient, Backoff, GptImage2
from aivideo_async.emulator import SCENARIOS, Emulator, EmulatorTransport, Scenario
from tests.warp import warped


def test_a_scenario_goes_by_name_or_as_it_is():
    """Both ways lead to the same."""
    assert SCENARIOS["broke"] == Emulator("broke").scenario
    assert Scenario(median=1) == Emulator(Scenario(median=1)).scenario


@pytest.mark.parametrize(
    "fields",
    [
        {"balance": Decimal(5)},
        {"rate": 2.0},
        {"burst": 7.0},
        {"retry_after": "date"},
        {"spend_limit": Decimal(48)},
        {"spend_limit_hourly": Decimal(48)},
        {"spend_limit_daily": Decimal(48)},
        {"price_table": 1},
    ],
    ids=str,
)
def test_each_limit_can_be_set_in_place_of_the_scenario_s(fields: dict[str, Any]):
    """The others stay."""
    expected = Scenario(**{"name": "steady"} | fields)
    assert expected == Emulator(**fields).scenario


def test_its_environment_leads_to_it():
    """Address and key, under the names that the client reads."""
    emulator = Emulator()
    assert {
        "AIVIDEOAPI_BASE_URL": emulator.url,
        "AIVIDEOAPI_API_KEY": emulator.api_key,
    } == emulator.environment


def test_its_face_shows_where_it_stands():
    """Scenario, address, tasks and balance; no key."""
    face = repr(Emulator("broke"))
    assert (
        "<Emulator broke at https://emulator.invalid [tasks: 0, balance: 24]>" == face
    )


async def test_its_client_works_over_the_socket():
    """`client()` brings the address and the key."""
    async with (
        Emulator(speed=1e6) as emulator,
        emulator.client(polling=Backoff(initial=0.0)) as client,
    ):
        task = await client.generate(GptImage2("a red mug"))
    assert task.output is not None
    assert task.output.urls[0].startswith(emulator.url)
    assert [task.id] == [entry.task_id for entry in emulator.ledger.charges]
    emulator.ledger.assert_clean()


@warped
async def test_its_client_works_in_memory():
    """With the transport in place of a socket."""
    emulator = Emulator()
    transport = EmulatorTransport(emulator)
    async with emulator.client(transport=transport) as client:
        credits = await client.credits()
    assert isinstance(client, AsyncClient)
    assert Decimal(10_000) == credits.balance


def test_importing_it_loads_neither_a_server_nor_a_painter():
    """aiohttp and Pillow come when they are needed."""
    code = (
        "import sys, aivideo_async.emulator\n"
        "assert not {'aiohttp', 'PIL'} & set(sys.modules), 'loaded too early'\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert 0 == done.returncode, done.stderr
