"""``aivideo task``: what was paid for is there again, as often as one likes."""

from __future__ import annotations

import io
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from aivideo_async import GptImage2
from aivideo_async.emulator import Act, Emulator, Rule, Scenario, acts
from tests.cli.conftest import Aivideo, point_at

THIRD_FAILS = Scenario(
    median=1, spread=0, rules=(Rule("create", Act(works=True, dooms=True), nth=3),)
)


@pytest_asyncio.fixture
async def shop(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Emulator]:
    """Serve an API whose third task fails."""
    async with Emulator(THIRD_FAILS, speed=100) as emulator:
        point_at(emulator, monkeypatch)
        yield emulator
    emulator.ledger.assert_clean()


@pytest_asyncio.fixture
async def ids(shop: Emulator) -> list[str]:
    """Buy three, one after the other."""
    async with shop.client() as client:
        return [(await client.submit(GptImage2(prompt))).id for prompt in "abc"]


async def test_wait_prints_a_line_for_each(
    aivideo: Aivideo, shop: Emulator, ids: list[str]
):
    """Its id, its status, and its URL or why it failed; exit code 3 if one did."""
    said = await aivideo("task", "wait", *ids)
    first, second, third = sorted(said.lines, key=lambda line: ids.index(line[:36]))
    assert 3 == said.code
    assert first.startswith(f"{ids[0]} completed {shop.url}/files/")
    assert second.startswith(f"{ids[1]} completed {shop.url}/files/")
    assert f"{ids[2]} failed upstream_error: Generation failed" == third
    assert "" == said.stderr


async def test_get_looks_once_and_keeps_the_order(aivideo: Aivideo, ids: list[str]):
    """One that does not exist is an error on stderr; exit code 3."""
    await aivideo("task", "wait", *ids)
    said = await aivideo("task", "get", ids[1], "no-such-task", ids[0])
    assert (3, [ids[1], ids[0]]) == (said.code, [line[:36] for line in said.lines])
    assert "failed no-such-task  task_not_found: Task ID does not exist." in said.stderr


async def test_download_waits_and_prints_the_paths(
    aivideo: Aivideo, ids: list[str], tmp_path: Path
):
    """Into the folder that -o names; the failed one is told of."""
    said = await aivideo("task", "download", *ids, "-o", "out")
    assert (3, {f"out/{ids[0]}.png", f"out/{ids[1]}.png"}) == (
        said.code,
        {*said.lines},
    )
    assert all((tmp_path / line).is_file() for line in said.lines)
    assert f"{ids[2]}  refunded, upstream_error" in said.stderr


async def test_the_output_of_one_is_the_input_of_the_next(
    aivideo: Aivideo, ids: list[str], monkeypatch: pytest.MonkeyPatch
):
    """With -, the first word of each line is an id; each counts once."""
    lines = "".join(f"{task_id} completed\n" for task_id in [*ids[:2], ids[0]])
    monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
    said = await aivideo("task", "download", "-")
    assert (0, {f"{task_id}.png" for task_id in ids[:2]}) == (said.code, {*said.lines})


async def test_programs_get_whole_tasks(aivideo: Aivideo, ids: list[str]):
    """And the failure as fields."""
    *tasks, summary = (await aivideo("task", "wait", "--json", *ids)).records
    found = {task["id"]: task for task in tasks}
    assert {"task"} == {task["type"] for task in tasks}
    assert {"code": "upstream_error", "message": "Generation failed"} == (
        found[ids[2]]["failure"]
    )
    assert found[ids[0]]["completed_at"].endswith("+00:00")
    assert {"type": "summary", "exit": 3} == summary


async def test_what_is_not_ready_in_time_can_be_waited_for_again(
    aivideo: Aivideo, monkeypatch: pytest.MonkeyPatch
):
    """Exit code 6, with the command to go on."""
    async with Emulator(Scenario(median=600), speed=1) as emulator:
        point_at(emulator, monkeypatch)
        async with emulator.client() as client:
            task = await client.submit(GptImage2("a"))
        said = await aivideo("task", "wait", task.id, "--timeout", "0.1")
    assert (6, "") == (said.code, said.stdout)
    assert f"failed {task.id}  not ready yet" in said.stderr
    assert said.stderr.endswith(f"\n  aivideo task wait {task.id}\n")


async def test_a_wrong_key_is_told_once(
    aivideo: Aivideo,
    shop: Emulator,
    ids: list[str],
    monkeypatch: pytest.MonkeyPatch,
):
    """However many tasks were asked for."""
    monkeypatch.setenv("AIVIDEOAPI_API_KEY", "sk-wrong-key-of-mine")
    said = await aivideo("task", "wait", *ids)
    assert (4, "", 1) == (said.code, said.stdout, said.stderr.count("\n"))
    assert "invalid_api_key" in said.stderr


@pytest.mark.parametrize(
    ("word", "text"),
    [("../../etc", "is no task id"), ("\x1b[2J", "is no task id"), ("-", "no task")],
    ids=["a path", "an escape", "an empty stdin"],
)
async def test_what_is_no_id_is_a_usage_error(
    word: str,
    text: str,
    aivideo: Aivideo,
    shop: Emulator,
    monkeypatch: pytest.MonkeyPatch,
):
    """Exit code 2, and not a single request."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n"))
    said = await aivideo("task", "wait", word)
    assert (2, []) == (said.code, shop.requests)
    assert text in said.stderr


async def test_the_disk_is_checked_before_anything_is_fetched(
    aivideo: Aivideo, shop: Emulator, tmp_path: Path
):
    """Exit code 8."""
    (tmp_path / "file").write_text("")
    said = await aivideo("task", "download", "t-1", "-o", "file/out")
    assert (8, []) == (said.code, shop.requests)


async def test_what_could_not_be_fetched_is_told_again(
    aivideo: Aivideo, monkeypatch: pytest.MonkeyPatch
):
    """Exit code 6: it is paid for, and another time it works."""
    broken = Scenario(rules=(Rule("file", acts.refuse("invalid_request")),))
    async with Emulator(broken, speed=1000) as emulator:
        point_at(emulator, monkeypatch)
        async with emulator.client() as client:
            task = await client.submit(GptImage2("a"))
        said = await aivideo("task", "download", task.id)
    assert (6, "") == (said.code, said.stdout)
    assert f"failed {task.id}  made, but not saved" in said.stderr
    assert said.stderr.endswith(f"\n  aivideo task download {task.id}\n")
