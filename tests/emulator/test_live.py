"""What the live page shows: the counts, the money, the tasks, the requests."""

from __future__ import annotations

import json
import math
import re
import shlex
from decimal import Decimal
from typing import Any

import pytest

from aivideo_async.emulator import Act, Core, Course, Request, Rule, acts
from aivideo_async.emulator.callbacks import Call
from aivideo_async.emulator.live import NEWEST, Live, curl
from aivideo_async.models.strictjson import encode
from tests.emulator.calls import CREATE, KEY, buy, core_of, get, order, post

BASE = "http://127.0.0.1:8787"

FAILING = Act(works=True, course=Course(fails="upstream_error"))
STUCK = Act(works=True, course=Course(seconds=math.inf))


def shown(core: Core, now: float = 0.0, after: int = 0) -> dict[str, Any]:
    """Look for the first time."""
    return Live(core).snapshot(now, after)


# --- counts ---------------------------------------------------------------------


def test_before_anything_happened_it_shows_how_to_begin():
    """The two variables, and an order that is complete; all counts are zero."""
    core = core_of()
    core.base_url = BASE
    state = shown(core)
    assert state["start"]["exports"].splitlines() == [
        f"export AIVIDEOAPI_BASE_URL={BASE}",
        "export AIVIDEOAPI_API_KEY=sk-emulator",
    ]
    assert 0 == state["requests"]["total"] == sum(state["tasks"].values())
    assert ([], []) == (state["newest"], state["log"])


def test_the_first_order_that_it_shows_is_taken():
    """Who pastes it gets a task."""
    core = core_of()
    words = shlex.split(shown(core)["start"]["curl"])
    body = words[words.index("--data-raw") + 1]
    assert 200 == post(core, json.loads(body)).status


def test_tasks_are_counted_by_where_they_stand():
    """At each look anew, and also if nobody asked the service meanwhile."""
    core = core_of(Rule("create", FAILING, nth=2))
    live = Live(core)
    counts = []
    for now in (0.0, 5.0, 10.0):
        buy(core, order(f"mug {now}"), now=now)
        counts.append(live.snapshot(now)["tasks"])
    counts.append(live.snapshot(30.0)["tasks"])
    words = ("pending", "processing", "completed", "failed")
    told = [tuple(count[word] for word in words) for count in counts]
    assert [(1, 0, 0, 0), (1, 1, 0, 0), (1, 1, 1, 0), (0, 0, 2, 1)] == told


def test_a_late_first_look_counts_all_that_was_before():
    """A page may be opened at any time."""
    core = core_of()
    for number in range(3):
        buy(core, order(f"mug {number}"))
    assert 3 == shown(core, now=10.0)["tasks"]["completed"]


def test_a_task_that_never_ends_stays_in_the_count():
    """It is processing, however late it is."""
    core = core_of(Rule("create", STUCK))
    buy(core)
    state = shown(core, now=1e9)
    assert 1 == state["tasks"]["processing"]
    assert ("processing", None) == (
        state["newest"][0]["status"],
        state["newest"][0]["took"],
    )


def test_requests_are_counted_by_their_answers():
    """In all, refused for pace, and without an answer; and as of the last seconds."""
    core = core_of(Rule("credits", acts.DROPPED, nth=1), rate=1.0, burst=2.0)
    for _ in range(3):
        get(core, "/v1/credits")
    expected = {"total": 3, "per_second": 0.6, "refused": 1, "unanswered": 1}
    assert expected == shown(core)["requests"]
    assert 0 == shown(core, now=60.0)["requests"]["per_second"]


def test_callbacks_are_counted():
    """Those that were made, and how many of them nobody took."""
    core = core_of()
    for status in (204, 500, None):
        core.callbacks.note(Call("t-1", f"{BASE}/hook", 3, 0.0), now=1.0, status=status)
    assert {"total": 3, "failed": 2} == shown(core)["callbacks"]


def test_counts_go_on_when_the_log_forgets():
    """Nothing is counted by the log, which keeps only the newest."""
    core = core_of()
    for _ in range(NEWEST + 50):
        get(core, "/v1/credits")
    del core.requests[:100]
    state = shown(core)
    assert NEWEST + 50 == state["requests"]["total"] == state["log"][-1]["number"]
    assert 101 == state["log"][0]["number"]
    (line,) = shown(core, after=NEWEST + 49)["log"]
    assert NEWEST + 50 == line["number"]


# --- money ----------------------------------------------------------------------


def test_money_is_written_for_people():
    """Thousands apart, and no zeros behind the point."""
    core = core_of(Rule("create", FAILING, times=5))
    for number in range(7):
        buy(core, order(f"mug {number}"))
    money = shown(core, now=10.0)["money"]
    assert ("10,000", "9,995.2") == (money["start"], money["balance"])
    assert ("16.8", "12") == (money["charged"], money["refunded"])


def test_what_is_due_by_now_is_refunded_though_nobody_asked():
    """The page shows no task that failed and is not refunded."""
    core = core_of(Rule("create", FAILING))
    buy(core)
    state = shown(core, now=10.0)
    assert "failed" == state["newest"][0]["status"]
    assert ("10,000", ()) == (
        state["money"]["balance"],
        state["money"]["discrepancies"],
    )
    core.ledger.assert_clean()


def test_a_body_charged_twice_raises_the_alarm():
    """The second task is marked, the first and others are not."""
    core = core_of()
    for prompt in ("a mug", "a lamp", "a mug"):
        buy(core, order(prompt))
    state = shown(core)
    assert 1 == state["money"]["doubles"]
    assert [True, False, False] == [task["double"] for task in state["newest"]]
    with pytest.raises(AssertionError, match="charged before"):
        core.ledger.assert_clean()


def test_whatever_else_does_not_add_up_raises_the_alarm():
    """All that `assert_clean` finds is told, in its words."""
    core = core_of()
    task_id = buy(core)
    core.ledger.refund(task_id, at=1.0)
    money = shown(core)["money"]
    assert (f"task {task_id} was refunded and had not failed",) == (
        money["discrepancies"]
    )
    assert 0 == money["doubles"]


# --- tasks and requests ---------------------------------------------------------


def test_the_newest_tasks_come_first_and_not_all_of_them():
    """A page of 100,000 rows would be of no use."""
    core = core_of(balance=Decimal(10**6))
    for number in range(NEWEST + 5):
        buy(core, order(f"mug {number}"))
    newest = shown(core)["newest"]
    assert NEWEST == len(newest)
    assert ("mug 204", "mug 5") == (newest[0]["prompt"], newest[-1]["prompt"])


def test_a_task_tells_its_story():
    """What was asked for, what it cost, when, and how it ended."""
    core = core_of(Rule("create", FAILING))
    task_id = buy(core, order("a mug", aspect_ratio="16:9"), now=1.0)
    (task,) = shown(core, now=21.0)["newest"]
    assert task == {
        "id": task_id,
        "prompt": "a mug",
        "model": "gpt-image-2",
        "size": "1360 × 768",
        "status": "failed",
        "failure": "upstream_error",
        "credits": "2.4",
        "double": False,
        "age": 20.0,
        "took": 10.0,
    }


def test_requests_come_in_order_and_only_once():
    """Who names the last that it knows gets the later ones."""
    core = core_of()
    live = Live(core)
    for _ in range(NEWEST + 5):
        get(core, "/v1/credits")
    first = live.snapshot(0.0)["log"]
    get(core, "/v1/tasks/t-1", now=1.5)
    (last,) = live.snapshot(2.0, after=first[-1]["number"])["log"]
    assert list(range(6, NEWEST + 6)) == [line["number"] for line in first]
    assert (NEWEST + 6, 0.5, "/v1/tasks/t-1", 404) == (
        last["number"],
        last["ago"],
        last["path"],
        last["status"],
    )
    assert [] == live.snapshot(2.0, after=10**15)["log"]


@pytest.mark.parametrize(
    ("act", "told"),
    [
        (acts.LOST_REPLY, (None, "drop after")),
        (acts.TRUNCATED, (200, "truncate")),
        (acts.BAD_GATEWAY, (502, None)),
    ],
    ids=["lost", "truncated", "refused"],
)
def test_a_request_tells_its_status_and_its_fate(act: Act, told: Any):
    """Also of an answer that never came."""
    core = core_of(Rule("create", act))
    post(core)
    (line,) = shown(core)["log"]
    assert told == (line["status"], line["fate"])


def test_a_look_changes_nothing():
    """It is no request, meets no rate limit and uses no chance."""
    cores = [core_of(rate=1.0, burst=1.0, failure_share=0.5) for _ in range(2)]
    for number in range(5):
        shown(cores[0], now=float(number))
        replies = [post(core, order(f"mug {number}"), float(number)) for core in cores]
        assert replies[0] == replies[1]
    assert cores[0].requests == cores[1].requests


@pytest.mark.parametrize("prompt", ["a\x00b\x1b[31m", "\u202egnp.", "x" * 20_000])
def test_a_prompt_is_told_in_printable_characters(prompt: str):
    """What is none is blank, and a long one is cut."""
    core = core_of()
    buy(core, order(prompt))
    (task,) = shown(core)["newest"]
    assert task["prompt"].isprintable()
    assert len(task["prompt"]) == min(160, len(prompt))


def test_whatever_was_sent_is_told_in_json():
    """Bytes that are no text, in a body or in a path, do not end the look."""
    core = core_of()
    get(core, "/v1/tasks/\udcff")
    core.handle(Request("POST", CREATE, KEY, b'\xff{"\\ud800'), 0.0)
    assert encode(shown(core))


# --- copy as curl ---------------------------------------------------------------


def test_a_copied_request_is_the_same_request():
    """Its words are the method, the address, the public key and the exact body."""
    body = json.dumps(order("it's a $(mug) `now` \\ \n€"), ensure_ascii=False).encode()
    words = shlex.split(curl(BASE, "POST", CREATE, body))
    assert words == [
        "curl",
        "-X",
        "POST",
        BASE + CREATE,
        "-H",
        "Authorization: Bearer sk-emulator",
        "-H",
        "Content-Type: application/json",
        "--data-raw",
        body.decode(),
    ]


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/v1/tasks/a?b=c&d=%20", "/v1/tasks/a?b=c&d=%20"),
        ("/v1/tasks/[1-9]{a,b}", "/v1/tasks/%5B1-9%5D%7Ba%2Cb%7D"),
        ("/v1/\udcff; rm -rf '~'", "/v1/%FF;%20rm%20-rf%20%27~%27"),
        ("//evil.example/x", "/evil.example/x"),
        ("@evil.example/x", "/@evil.example/x"),
    ],
    ids=["query", "brackets", "shell", "host", "user"],
)
def test_a_copied_address_stays_on_the_emulator(path: str, sent: str):
    """Nothing in a path is expanded by curl or by the shell, or leads elsewhere."""
    _, address, *_ = shlex.split(curl(BASE, "GET", path, b""))
    assert BASE + sent.replace("%2C", ",") == address


def test_a_pasted_command_cannot_type():
    """Controls in a body, such as the end of a bracketed paste, become blanks."""
    text = curl(BASE, "POST", CREATE, b"\x1b[201~\rreboot\x00\x9b\xc2\x9b\n\t")
    assert not set(re.sub(r"[\n\t]", "", text)) & {chr(c) for c in (*range(32), 0x9B)}
