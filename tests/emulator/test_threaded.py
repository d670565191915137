"""``with Emulator()``: the same server, for programs without a loop."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from decimal import Decimal
from typing import Any

import pytest

from aivideo_async.emulator import Emulator, Scenario
from tests.emulator.calls import CREATE, order

AT_ONCE = Scenario(spread=0.0)


def ask(emulator: Emulator, path: str, body: Any = None) -> Any:
    """Speak HTTP as an old program does: one request, and wait."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {emulator.api_key}"}
    request = urllib.request.Request(emulator.url + path, data, headers)
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def buy(emulator: Emulator, **fields: Any) -> str:
    """Create a task and return its id."""
    answer = ask(emulator, CREATE, order() | fields)
    task_id = answer["data"]["taskId"]
    assert isinstance(task_id, str)
    return task_id


def test_it_serves_a_program_without_a_loop():
    """Create and look, and the file without the key."""
    with Emulator(AT_ONCE, speed=1e9) as emulator:
        task = ask(emulator, f"/v1/tasks/{buy(emulator)}")
        with urllib.request.urlopen(task["output"]["urls"][0]) as response:
            picture = response.read()
    assert "completed" == task["status"]
    assert picture.startswith(b"\x89PNG")


def test_the_books_are_readable_from_outside():
    """Ledger, requests and tasks, inside the block and after it."""
    with Emulator() as emulator:
        task_id = buy(emulator)
        assert [CREATE] == [received.path for received in emulator.requests]
    assert [task_id] == list(emulator.jobs)
    assert Decimal("2.4") == emulator.ledger.consumed
    emulator.ledger.assert_clean()


def test_callbacks_are_made_from_the_thread():
    """To another machine they are logged as unreachable."""
    pause = threading.Event()
    with Emulator(AT_ONCE, speed=1e9) as emulator:
        buy(emulator, callback_url="https://example.com/hook")
        while len(emulator.callbacks) < 3:
            pause.wait(0.001)
    assert [1, 2, 3] == [line.attempt for line in emulator.callbacks]


def test_no_thread_is_left_behind():
    """Not even when the block ends with an error."""
    before = set(threading.enumerate())
    with pytest.raises(RuntimeError, match="mine"), Emulator() as emulator:
        buy(emulator)
        raise RuntimeError("mine")
    assert before == set(threading.enumerate())
    with pytest.raises(urllib.error.URLError):
        ask(emulator, "/v1/credits")


def test_an_entry_that_fails_leaves_nothing_behind():
    """A port that is taken is an OSError, and the thread is gone."""
    before = set(threading.enumerate())
    with Emulator() as emulator:
        port = int(emulator.url.rpartition(":")[2])
        during = set(threading.enumerate())
        second = Emulator(port=port)
        with pytest.raises(OSError, match="address already in use"), second:
            pass
        assert during == set(threading.enumerate())
        assert "https://emulator.invalid" == second.url
    assert before == set(threading.enumerate())


def test_it_can_be_entered_again():
    """With the same tasks and money, in either way."""
    emulator = Emulator()
    for _ in range(2):
        with emulator:
            buy(emulator)
    assert 2 == len(emulator.ledger.charges)


@pytest.mark.parametrize("again", ["with", "async with"])
async def test_it_is_entered_once_at_a_time(again: str):
    """A second entry says so, and the first one goes on."""
    async with Emulator() as emulator:
        with pytest.raises(RuntimeError, match="entered already"):
            if again == "with":
                with emulator:
                    pass
            else:
                async with emulator:
                    pass
        async with emulator.client() as client:
            assert Decimal(10_000) == (await client.credits()).balance


async def test_it_serves_a_client_of_another_loop():
    """The client lives in the test's loop, the server in its thread."""
    with Emulator() as emulator:
        async with emulator.client() as client:
            assert Decimal(10_000) == (await client.credits()).balance


PROGRAM = """
import os, urllib.request
address, key = os.environ["AIVIDEOAPI_BASE_URL"], os.environ["AIVIDEOAPI_API_KEY"]
headers = {"Authorization": f"Bearer {key}"}
request = urllib.request.Request(f"{address}/v1/credits", headers=headers)
print(urllib.request.urlopen(request).read().decode())
"""


def test_a_program_finds_it_by_its_environment():
    """The two variables are all that it needs."""
    with Emulator("broke") as emulator:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env=emulator.environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert 0 == done.returncode, done.stderr
    assert 24 == json.loads(done.stdout)["data"]["balance"]
