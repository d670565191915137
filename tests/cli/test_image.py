"""``aivideo image``: what it costs, what it leaves, how it ends."""

from __future__ import annotations

import io
import json
import re
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from aivideo_async.cli.target import Target
from aivideo_async.emulator import Act, Emulator, Rule, Scenario, acts
from tests.cli.conftest import KEY, Aivideo, point_at

FAILS = Rule("create", Act(works=True, dooms=True), nth=2)


def bought(emulator: Emulator) -> set[str]:
    """Return the ids of what was charged."""
    return {entry.task_id for entry in emulator.ledger.charges}


def inputs(emulator: Emulator) -> list[dict[str, Any]]:
    """Return what was asked for."""
    sent = [request for request in emulator.requests if request.method == "POST"]
    return [json.loads(request.body)["input"] for request in sent]


# --- what it leaves ---------------------------------------------------------------


async def test_it_prints_the_path_and_nothing_else(
    aivideo: Aivideo, emulator: Emulator, tmp_path: Path
):
    """The file is there; the money and the progress are on stderr."""
    said = await aivideo("image", "a red mug", "-o", "mugs")
    (task_id,) = bought(emulator)
    assert (0, f"mugs/{task_id}.png\n") == (said.code, said.stdout)
    with Image.open(tmp_path / said.stdout.strip()) as picture:
        picture.load()
    first, step, last = said.stderr.splitlines()
    assert "1 picture, about 2.4 credits ($0.012)" == first
    assert re.fullmatch(r"  1/1  ok     a red mug +2\.4 credits \(\$0\.012\)", step)
    assert "Cost 2.4 credits ($0.012); balance 10,000 -> 9,997.6" == last


async def test_paths_come_in_the_order_of_the_prompts(
    aivideo: Aivideo, emulator: Emulator
):
    """Whichever is ready first."""
    said = await aivideo("image", *"abcdef")
    made = {
        f"{task_id}.png": job.picture.prompt for task_id, job in emulator.jobs.items()
    }
    assert [*"abcdef"] == [made[line] for line in said.lines]


async def test_several_pictures_of_each_prompt(
    aivideo: Aivideo, monkeypatch: pytest.MonkeyPatch
):
    """Each is a purchase of its own."""
    async with Emulator(speed=1000) as emulator:
        point_at(emulator, monkeypatch)
        said = await aivideo("image", "a", "b", "-n", "3")
    pictures = Counter(job.picture.prompt for job in emulator.jobs.values())
    assert {"a": 3, "b": 3} == pictures
    assert 6 == len({*said.lines})


async def test_one_picture_can_have_a_name(
    aivideo: Aivideo, emulator: Emulator, tmp_path: Path
):
    """Its suffix is that of what it is."""
    said = await aivideo("image", "a red mug", "-o", "mugs/red.jpg", "-q")
    assert (0, "mugs/red.png\n", "") == (said.code, said.stdout, said.stderr)
    assert [tmp_path / "mugs" / "red.png"] == list((tmp_path / "mugs").iterdir())


async def test_every_option_reaches_the_service(
    aivideo: Aivideo, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
):
    """As the service spells it."""
    await aivideo(
        *("image", "on white", "-i", "https://example.com/a.jpg"),
        *("--aspect-ratio", "4:5", "--resolution", "2k", "--no-nsfw-checker"),
    )
    assert [
        {
            "prompt": "on white",
            "image_urls": ["https://example.com/a.jpg"],
            "aspect_ratio": "4:5",
            "resolution": "2k",
            "nsfw_checker": False,
        }
    ] == inputs(emulator)


async def test_prompts_can_come_from_stdin(
    aivideo: Aivideo, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
):
    """One per line; blank lines are none."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("a red mug\n\n  a blue mug \n"))
    said = await aivideo("image", "-")
    prompts = {asked["prompt"] for asked in inputs(emulator)}
    assert (0, {"a red mug", "a blue mug"}) == (said.code, prompts)


async def test_programs_get_a_plan_tasks_and_a_summary(
    aivideo: Aivideo, emulator: Emulator
):
    """With --json on either side of the command; stderr is silent."""
    said = await aivideo("--json", "image", "a", "b")
    plan, *tasks, summary = said.records
    assert ("plan", 2, 4.8) == (plan["type"], plan["pictures"], plan["credits"])
    assert {"task"} == {task["type"] for task in tasks}
    assert bought(emulator) == {task["id"] for task in tasks}
    assert {f"{task_id}.png" for task_id in bought(emulator)} == {
        file for task in tasks for file in task["files"]
    }
    assert {
        "type": "summary",
        "balance": 9995.2,
        "credits": 4.8,
        "pictures": 2,
        "of": 2,
        "unknown": 0,
        "exit": 0,
    } == summary
    assert "" == said.stderr


# --- where it stops before money moves --------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "Give a prompt"),
        ((" ",), "is blank"),
        (("a", "-i", "photo.jpg"), "is not an absolute http(s) URL"),
        (("a", "--resolution", "4k"), "set aspect_ratio to one of 16:9"),
        (("a", "--resolution", "8k"), "'8k' is not one of"),
        (("a", "b", "-o", "mug.png"), "one file for 2 pictures"),
        (("a", "-o", "taken.png"), "taken.png exists and is not replaced"),
        (("a", "b", "-n", "200", "-y"), "400 pictures are more than 250"),
        (("a", "-n", "84"), "add --yes. Nothing was sent."),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_mistake_costs_nothing(
    arguments: tuple[str, ...],
    text: str,
    aivideo: Aivideo,
    emulator: Emulator,
    tmp_path: Path,
):
    """Exit code 2, the reason, and not a single request."""
    (tmp_path / "taken.png").write_text("mine")
    said = await aivideo("image", *arguments)
    assert (2, "", []) == (said.code, said.stdout, emulator.requests)
    assert text in " ".join(said.stderr.split())
    assert "mine" == (tmp_path / "taken.png").read_text()


@pytest.mark.parametrize(
    ("count", "arguments"), [(83, ()), (84, ("--yes",))], ids=["$0.996", "$1.008"]
)
async def test_more_than_a_dollar_needs_a_yes(
    count: int,
    arguments: tuple[str, ...],
    aivideo: Aivideo,
    monkeypatch: pytest.MonkeyPatch,
):
    """Up to it nobody is asked. (All fail, so that no picture has to be drawn.)"""
    async with Emulator("refused", speed=1000) as emulator:
        point_at(emulator, monkeypatch)
        said = await aivideo("image", *map(str, range(count)), *arguments, "-q")
    assert (3, count) == (said.code, len(emulator.ledger.charges))


async def test_a_folder_that_cannot_be_written_is_found_before_buying(
    aivideo: Aivideo, emulator: Emulator, tmp_path: Path
):
    """Exit code 8, and not a single request."""
    (tmp_path / "file").write_text("")
    said = await aivideo("image", "a", "-o", "file/mugs")
    assert (8, []) == (said.code, emulator.requests)
    assert "cannot be written (Not a directory). Nothing was bought." in said.stderr


async def test_without_a_key_it_says_where_to_get_one(aivideo: Aivideo):
    """Exit code 4."""
    said = await aivideo("image", "a")
    assert (4, "") == (said.code, said.stdout)
    assert "export AIVIDEOAPI_API_KEY=sk-..." in said.stderr


async def test_a_wrong_key_is_found_before_buying(
    aivideo: Aivideo, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
):
    """Exit code 4, told once, without the key."""
    monkeypatch.setenv("AIVIDEOAPI_API_KEY", "sk-wrong-key-of-mine")
    said = await aivideo("image", "a", "b", "c")
    assert (4, 1) == (said.code, said.stderr.count("invalid_api_key"))
    assert "sk-wrong" not in said.stdout + said.stderr
    assert {"GET"} == {request.method for request in emulator.requests}


async def test_nobody_there_is_a_code_of_its_own(
    aivideo: Aivideo, monkeypatch: pytest.MonkeyPatch
):
    """Exit code 6; nothing was sent."""
    monkeypatch.setenv("AIVIDEOAPI_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AIVIDEOAPI_API_KEY", KEY)
    said = await aivideo("image", "a")
    assert (6, "") == (said.code, said.stdout)


# --- what can go wrong then -------------------------------------------------------


async def test_one_failure_is_one_line(
    aivideo: Aivideo, monkeypatch: pytest.MonkeyPatch
):
    """Exit code 3; the others are saved, and the failed one is refunded."""
    async with Emulator(Scenario(rules=(FAILS,)), speed=1000) as emulator:
        point_at(emulator, monkeypatch)
        said = await aivideo("image", "a", "b", "c")
    failed = [line for line in said.stderr.splitlines() if "  failed " in line]
    assert (3, 2, 1) == (said.code, len(said.lines), len(failed))
    assert failed[0].endswith("  refunded, upstream_error: Generation failed")
    assert "Cost 4.8 credits" in said.stderr
    assert said.stderr.endswith("2 of 3 pictures saved\n")
    emulator.ledger.assert_clean()


async def test_quiet_tells_failures_only(
    aivideo: Aivideo, monkeypatch: pytest.MonkeyPatch
):
    """Paths on stdout, as always."""
    async with Emulator(Scenario(rules=(FAILS,)), speed=1000) as emulator:
        point_at(emulator, monkeypatch)
        said = await aivideo("image", "a", "b", "-q")
    assert (3, 1) == (said.code, len(said.lines))
    assert re.fullmatch("failed [ab] +refunded, upstream_error.*\n", said.stderr)


async def test_an_unknown_outcome_is_told_and_not_bought_again(
    aivideo: Aivideo, monkeypatch: pytest.MonkeyPatch
):
    """Exit code 7; the balance is evidence, and it is shown."""
    lost = Scenario(rules=(Rule("create", acts.LOST_REPLY, nth=2),))
    async with Emulator(lost, speed=1000) as emulator:
        point_at(emulator, monkeypatch)
        said = await aivideo("image", "a", "b", "c")
    assert (7, 2, 3) == (said.code, len(said.lines), len(emulator.ledger.charges))
    assert "outcome unknown, perhaps paid" in said.stderr
    assert "Cost 7.2 credits" in said.stderr
    assert "By the table, what is known cost 4.8 credits" in said.stderr
    assert "1 picture may have been paid for" in said.stderr
    emulator.ledger.assert_clean()


async def test_money_that_runs_out_stops_the_buying(
    aivideo: Aivideo, monkeypatch: pytest.MonkeyPatch
):
    """Exit code 5; it was foreseen, and what was bought is saved."""
    async with Emulator("broke", speed=1000) as emulator:
        point_at(emulator, monkeypatch)
        said = await aivideo("image", *map(str, range(14)))
    assert (5, 10) == (said.code, len(said.lines))
    assert "Warning: the balance is 24 credits ($0.12), which may not" in said.stderr
    assert "insufficient_credits" in said.stderr
    emulator.ledger.assert_clean()


async def test_another_price_than_the_table_s_is_noticed(
    aivideo: Aivideo, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
):
    """Only the balance knows what was paid."""
    monkeypatch.setattr(
        "aivideo_async.GptImage2.price", property(lambda _: Decimal("2.0"))
    )
    said = await aivideo("image", "a")
    assert 0 == said.code
    assert "Cost 2.4 credits" in said.stderr
    assert "by the price table it would be 2 credits" in said.stderr


async def test_a_balance_that_cannot_be_read_stops_nothing(
    aivideo: Aivideo, monkeypatch: pytest.MonkeyPatch
):
    """Only what it really cost is then not told."""
    odd = Scenario(rules=(Rule("credits", acts.ODD_CODE),))
    async with Emulator(odd, speed=1000) as emulator:
        point_at(emulator, monkeypatch)
        said = await aivideo("image", "a")
    assert (0, 1) == (said.code, len(said.lines))
    assert "Cost" not in said.stderr


async def test_what_takes_too_long_can_be_picked_up(
    aivideo: Aivideo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """Exit code 6; the printed command saves the picture without buying anything."""
    slow = Scenario(median=3, spread=0)
    async with Emulator(slow, speed=1) as emulator:
        point_at(emulator, monkeypatch)
        said = await aivideo("image", "a", "--timeout", "0.5")
        assert (6, "") == (said.code, said.stdout)
        (command,) = re.findall("^  aivideo (.*)$", said.stderr, re.MULTILINE)
        again = await aivideo(*command.split(), "-o", "mugs")
    assert (0, 1) == (again.code, len(emulator.ledger.charges))
    assert (tmp_path / again.stdout.strip()).is_file()


async def test_a_disk_that_fills_up_stops_the_buying(
    aivideo: Aivideo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """Exit code 8; every id that was paid for and is not saved is printed."""
    scenario = Scenario(rate=5, burst=2)
    folder = tmp_path / "mugs"
    async with Emulator(scenario, speed=1000) as emulator:
        point_at(emulator, monkeypatch)
        check = "aivideo_async.cli.target.Target.check"
        monkeypatch.setattr(check, lambda self: folder.write_text(""))
        said = await aivideo("image", *"abcdefghijklmnop", "-o", folder)
    charged = {entry.task_id for entry in emulator.ledger.charges}
    assert 8 == said.code
    assert 16 > len(charged)
    assert charged == {word for word in said.stderr.split() if word in charged}
    assert "not bought" in said.stderr
    emulator.ledger.assert_clean()


async def test_the_key_can_come_from_a_file(
    aivideo: Aivideo,
    emulator: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
):
    """One that others can read works, with a warning."""
    monkeypatch.delenv("AIVIDEOAPI_API_KEY")
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    file.chmod(0o600)
    assert "" == (await aivideo("credits", "--api-key-file", file)).stderr
    file.chmod(0o644)
    said = await aivideo("--api-key-file", file, "credits")
    assert 0 == said.code
    assert "chmod 600" in said.stderr
    assert KEY not in said.stderr


async def test_a_key_file_that_is_no_text(
    aivideo: Aivideo, emulator: Emulator, tmp_path: Path
):
    """Exit code 4; nothing of it is shown, and nothing is sent."""
    (tmp_path / "key").write_bytes(b"sk-\xff\xfe")
    said = await aivideo("image", "a", "--api-key-file", "key")
    assert (4, []) == (said.code, emulator.requests)
    assert "The key file key cannot be read: it is not text." in said.stderr


def test_a_name_that_was_taken_meanwhile_is_left_alone(tmp_path: Path):
    """The picture keeps the name of its task."""
    made = tmp_path / "t-1.png"
    made.write_text("new")
    target = Target(tmp_path, tmp_path / "mug.png")
    (tmp_path / "mug.png").write_text("mine")
    assert [made] == target.place([made])
    assert "mine" == (tmp_path / "mug.png").read_text()


@pytest.mark.parametrize(
    ("real", "wanted", "name"),
    [("png", "mug.JPG", "mug.png"), ("jpg", "mug.jpeg", "mug.jpeg")],
    ids=["another kind", "another spelling"],
)
def test_a_suffix_says_what_it_is(real: str, wanted: str, name: str, tmp_path: Path):
    """Whatever was asked for; a spelling of the same is kept."""
    made = tmp_path / f"t-1.{real}"
    made.write_text("new")
    assert [tmp_path / name] == Target(tmp_path, tmp_path / wanted).place([made])


@pytest.mark.parametrize("name", ["mug.gif", "mug.HEIC"])
async def test_a_picture_of_another_kind_is_refused(
    aivideo: Aivideo, emulator: Emulator, name: str
):
    """It would become a folder of that name."""
    said = await aivideo("image", "a", "-o", name)
    assert 2 == said.code
    assert "Use .png" in said.stderr
    assert not emulator.requests


async def test_seconds_that_are_no_number_are_a_usage_error(
    aivideo: Aivideo, emulator: Emulator
):
    """Before anything is sent."""
    for command in (("image", "a"), ("task", "wait", "t-1")):
        said = await aivideo(*command, "--timeout", "nan")
        assert 2 == said.code
        assert "nan" in said.stderr
    assert not emulator.requests


async def test_an_empty_key_file_is_called_that(
    aivideo: Aivideo, emulator: Emulator, tmp_path: Path
):
    """No word of a variable that was not asked for."""
    (tmp_path / "key").write_text("\n", "utf-8")
    said = await aivideo("credits", "--api-key-file", tmp_path / "key")
    assert 4 == said.code
    assert "is empty" in said.stderr
