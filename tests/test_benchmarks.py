"""The benchmarks against a real server: its counts are right, and so is the work."""

from __future__ import annotations

import argparse
import asyncio

import aiohttp
import pytest

from benchmarks import (
    _report,
    cpu_per_task,
    durable_run,
    in_flight,
    journal,
    lost_answer,
)
from benchmarks._serving import fake_server
from benchmarks._sides import CREATE, LOOK, Side, bare, ours, payload


@pytest.mark.parametrize("side", [bare, ours])
async def test_each_side_does_the_same_work(side: Side):
    """One create and three looks for each task, and no more connections than allowed."""
    with fake_server() as server:
        await side(server.url, 20, 4)
        counts = server.counts()
    assert (20, 60, 0) == (counts["posts"], counts["gets"], counts["refused"])
    assert 1 <= counts["most"] <= 4


async def test_the_server_keeps_to_its_rate():
    """What exceeds the burst is refused as the service does it."""
    with fake_server("--rate", "0.001", "--burst", "2") as server:
        async with aiohttp.ClientSession() as session:
            replies = []
            for number in range(3):
                url = server.url + CREATE
                async with session.post(url, json=payload(number)) as response:
                    replies.append((response.status, await response.json()))
        counts = server.counts()
    assert [200, 200, 429] == [status for status, _ in replies]
    assert "rate_limit_exceeded" == replies[-1][1]["error"]["code"]
    assert (3, 1) == (counts["posts"], counts["refused"])


async def test_a_task_completes_at_its_third_look():
    """So every client does as much."""
    with fake_server() as server:
        async with aiohttp.ClientSession() as session:
            async with session.post(server.url + CREATE, json={}) as response:
                task_id = (await response.json())["data"]["taskId"]
            seen = []
            for _ in range(3):
                url = f"{server.url}{LOOK}/{task_id}"
                async with session.get(url) as response:
                    seen.append((await response.json())["status"])
    assert ["processing", "processing", "completed"] == seen


def test_a_create_whose_answer_is_lost_is_sent_once():
    """By our client; the server reads it whole and closes."""
    found = lost_answer.measure(peers=False)
    assert {"ours": lost_answer.Lost(1, "OutcomeUnknownError")} == found


@pytest.mark.parametrize("way", in_flight.WAYS)
@pytest.mark.parametrize("meter", in_flight.METERS)
async def test_tasks_are_held_and_let_go(way: str, meter: str):
    """All of them are in flight when the memory is read, and then the client closes."""
    with fake_server() as server:
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(in_flight.METERS, meter, lambda: server.counts()["posts"])
            assert 1.0 == await in_flight.hold(way, meter, server.url, 40)
        assert 40 == server.counts()["posts"]


def test_costs_are_compared_within_a_round(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path
):
    """A slow round counts for both sides; the picture and the table show the median."""
    seen = [
        {"bare aiohttp": 1e-4, "ours": 2e-4},
        {"bare aiohttp": 9e-4, "ours": 9e-4},
        {"bare aiohttp": 2e-4, "ours": 3e-4},
    ]
    found = {64: {name: cpu_per_task._cost(name, seen) for name in seen[0]}}
    assert pytest.approx(1.5) == found[64]["ours"].ratio
    cpu_per_task.show(found)
    assert "1.50 (1.00 … 2.00)" in capsys.readouterr().out
    monkeypatch.setattr(_report, "RESULTS", tmp_path)
    cpu_per_task.keep("cpu", found)
    assert {"cpu.json", "cpu.svg"} == {path.name for path in tmp_path.iterdir()}


async def test_a_side_that_fails_does_not_count():
    """Its time says nothing."""

    async def failing(url: str, tasks: int, in_flight: int) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.wait_for(asyncio.Event().wait(), 0.0))

    async def working(url: str, tasks: int, in_flight: int) -> None:
        pass

    sides = {
        "bare aiohttp": cpu_per_task.Runner(working),
        "a peer": cpu_per_task.Runner(failing),
    }
    found = await asyncio.to_thread(cpu_per_task.compare, sides, "", 1, 1, 1)
    assert {"bare aiohttp"} == set(found)


def test_peers_take_no_part_where_they_do_not_end(monkeypatch: pytest.MonkeyPatch):
    """Above 512 in flight."""
    asked = {}

    def compare(sides, url, tasks, in_flight, rounds):
        asked[in_flight] = set(sides)

    monkeypatch.setattr(cpu_per_task, "compare", compare)
    options = argparse.Namespace(in_flight=[512, 4096], tasks=1, rounds=1)
    sides = cpu_per_task.runners(uvloop=False, peers=True)
    with fake_server() as server:
        cpu_per_task.measure(server, sides, options)
    assert {"bare aiohttp", "ours", "openai"} < asked[512]
    assert {"bare aiohttp", "ours"} == asked[4096]


def test_the_journal_is_measured_against_a_commit_each(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path
):
    """Both sides write; the table, the figures and the picture show them."""
    found = {4: journal.compare(tmp_path, 4, 0.01, 1)}
    journal.show(found)
    shown = capsys.readouterr().out
    assert journal.GROUP in shown
    assert journal.EACH in shown
    monkeypatch.setattr(_report, "RESULTS", tmp_path)
    journal.keep("journal", found)
    assert {"journal.json", "journal.svg"} == {one.name for one in tmp_path.iterdir()}


async def test_a_commit_each_is_what_it_says(tmp_path):
    """As many commits as operations."""
    commits: list[str] = []
    with journal.opened(tmp_path, journal.EACH) as opened:
        assert opened._writer is not None
        opened._writer._db.set_trace_callback(commits.append)
        _ = [opened.claim("t-1") for _ in range(20)]
        await opened.aclose()
    assert 20 == commits.count("COMMIT")


@pytest.mark.slow
def test_a_durable_run_is_measured_against_a_plain_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path
):
    """Both sides buy; the table, the figures and the picture show them."""
    with fake_server() as server:
        found = {4: durable_run.compare(server.url, tmp_path, 8, 4, 1)}
        assert 16 == server.counts()["posts"]
    durable_run.show(found)
    assert "µs without" in capsys.readouterr().out
    monkeypatch.setattr(_report, "RESULTS", tmp_path)
    durable_run.keep("run", found)
    assert {"run.json", "run.svg"} == {one.name for one in tmp_path.iterdir()}
