"""Triggers in the prompt: each does what its name says, and the money is right."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, strategies as st

from aivideo_async.emulator import TRIGGERS, Core, Fate, Rule, acts
from aivideo_async.emulator.triggers import read_triggers
from tests.emulator.calls import (
    buy,
    core_of,
    error_code,
    get,
    look,
    order,
    post,
    read,
)
from tests.emulator.test_seed import ERRORS

# --- reading ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        "a red mug",
        "a mug for me@example.com",
        "a mug @ 85mm",
        "a mug @Acme",
        "a mug (@drop)",
        "the @ sign",
        "@@drop",
    ],
)
def test_a_prompt_that_asks_for_nothing_has_no_trigger(prompt: str):
    """Only a word that begins with @ and a small letter or digit is one."""
    assert {} == read_triggers(prompt)


@pytest.mark.parametrize(
    ("prompt", "names"),
    [
        ("@drop", ["drop"]),
        ("a mug @drop", ["drop"]),
        ("a mug\n@drop, in red", ["drop"]),
        ("a mug @drop.", ["drop"]),
        ("@slow:30 @fail:upstream_error", ["slow", "fail"]),
        ("@429:3 a mug @slow:0.5.", ["429", "slow"]),
    ],
)
def test_a_trigger_may_stand_anywhere(prompt: str, names: list[str]):
    """As a word of its own, with or without a comma or a full stop."""
    assert names == list(read_triggers(prompt))


@given(st.text())
def test_any_prompt_can_be_read(prompt: str):
    """It has triggers, or none, or is refused; nothing else happens."""
    try:
        read_triggers(prompt)
    except ValueError as error:
        assert str(error).startswith("holds @")  # noqa: PT017


def test_an_unknown_trigger_is_refused_with_the_list():
    """400, no charge, and the way out: a slip of the pen does not go unnoticed."""
    core = core_of()
    reply = post(core, order("a mug @slwo:30"))
    message = read(reply)["error"]["message"]
    assert (400, "invalid_request") == error_code(reply)
    assert message.startswith("'input.prompt' holds @slwo, which is no trigger")
    assert all(kind.usage in message for kind in TRIGGERS.values())
    assert [] == core.ledger.charges


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("@slow", "holds @slow, written @slow:SECONDS: its value is a number of sec"),
        ("@slow:ten", "its value is a number of seconds"),
        ("@slow:nan", "its value is a number of seconds"),
        ("@slow:inf", "its value is a number of seconds"),
        ("@429", "its value is a number up to 99"),
        ("@429:many", "its value is a number up to 99"),
        ("@429:100", "its value is a number up to 99"),
        ("@refuse:teapot", "its code is one of invalid_request, invalid_api_key, "),
        ("@refuse", "its code is one of"),
        ("@charged:teapot", "its code is one of"),
        ("@fail", "its value is an error code"),
        ("@fail:42", "its value is an error code"),
        ("@drop:1", "holds @drop, written @drop: it takes no value."),
        ("@callback:twice", "its value is a number up to 99"),
        ("@callback:1.5", "its value is a number up to 99"),
    ],
)
def test_a_wrong_value_is_refused_with_the_right_form(prompt: str, text: str):
    """400, and what is wrong with it."""
    reply = post(core_of(), order(f"a mug {prompt}"))
    assert (400, "invalid_request") == error_code(reply)
    assert text in read(reply)["error"]["message"]


def test_each_trigger_says_how_it_is_written():
    """The table is what a tester reads; its keys are the names."""
    assert list(TRIGGERS) == [
        kind.usage.removeprefix("@").partition(":")[0] for kind in TRIGGERS.values()
    ]
    assert all(kind.about for kind in TRIGGERS.values())


# --- what becomes of the task -----------------------------------------------------------


def made(prompt: str) -> tuple[Core, str]:
    """Buy a task with this prompt, from an emulator whose tasks take ten seconds."""
    core = core_of()
    return core, buy(core, order(prompt))


def test_fail_fails_with_its_code():
    """At its time, and refunded."""
    core, task_id = made("a mug @fail:content_policy")
    ends = [look(core, task_id, now) for now in (9.9, 10.0)]
    assert ["processing", "failed"] == [task["status"] for task in ends]
    assert "content_policy" == ends[1]["error"]["code"]
    assert Decimal(0) == core.ledger.consumed
    core.ledger.assert_clean()


def test_slow_takes_its_time():
    """At real speed, as everything that the service does."""
    core = core_of(speed=20.0)
    task_id = buy(core, order("a mug @slow:30"))
    ends = [look(core, task_id, now)["status"] for now in (1.49, 1.5)]
    assert ["processing", "completed"] == ends
    core.ledger.assert_clean()


def test_stuck_never_ends():
    """Processing for ever, and paid for."""
    core, task_id = made("a mug @stuck")
    seen = [look(core, task_id, now)["status"] for now in (0.0, 2.0, 1e9)]
    assert ["pending", "processing", "processing"] == seen
    assert Decimal("2.4") == core.ledger.consumed
    core.ledger.assert_clean()


def test_empty_completes_without_a_file():
    """Paid for."""
    core, task_id = made("a mug @empty")
    task = look(core, task_id, now=10.0)
    assert ("completed", []) == (task["status"], task["output"]["urls"])
    core.ledger.assert_clean()


def file_of(core: Core, task_id: str) -> str:
    """Return the path of a finished file, as a look shows it now."""
    url: str = look(core, task_id, now=10.0)["output"]["urls"][0]
    return url.removeprefix(core.base_url)


def test_expired_needs_a_second_look():
    """The first address is dead, the second one is not."""
    core, task_id = made("a mug @expired")
    paths = [file_of(core, task_id), file_of(core, task_id)]
    assert [403, 200] == [get(core, path, now=10.0).status for path in paths]
    core.ledger.assert_clean()


def test_truncate_breaks_off_the_first_download():
    """Not the second."""
    core, task_id = made("a mug @truncate")
    path = file_of(core, task_id)
    assert [Fate.TRUNCATE, Fate.ANSWER] == [
        get(core, path, now=10.0).fate for _ in range(2)
    ]
    core.ledger.assert_clean()


@pytest.mark.parametrize("calls", [0, 1, 3])
def test_callback_is_sent_so_many_times(calls: int):
    """0 loses it."""
    core = core_of()
    url = {"callback_url": "http://127.0.0.1:1/hook"}
    buy(core, order(f"a mug @callback:{calls}") | url)
    assert calls == len(core.due_calls(now=10.0))
    core.ledger.assert_clean()


# --- what becomes of the create ---------------------------------------------------------


@pytest.mark.parametrize(("status", "code"), [row[:2] for row in ERRORS])
def test_refuse_answers_with_the_error(status: int, code: str):
    """Every time; no task, no charge."""
    core = core_of()
    replies = [post(core, order(f"a mug @refuse:{code}")) for _ in range(3)]
    assert [(status, code)] * 3 == [error_code(reply) for reply in replies]
    assert [] == core.ledger.charges


def test_429_wears_off():
    """The first three creates of this prompt are refused, then it is served."""
    core = core_of()
    replies = [post(core, order("a mug @429:3")) for _ in range(5)]
    assert [429, 429, 429, 200, 200] == [reply.status for reply in replies]
    assert "rate_limit_exceeded" == error_code(replies[0])[1]
    assert 2 == len(core.ledger.charges)


def test_429_counts_each_prompt_for_itself():
    """Another prompt begins anew."""
    core = core_of()
    prompts = ["one @429:1", "two @429:1", "one @429:1", "two @429:1"]
    statuses = [post(core, order(prompt)).status for prompt in prompts]
    assert [429, 429, 200, 200] == statuses
    core.ledger.assert_clean()


@pytest.mark.parametrize(
    ("code", "status", "refunds"),
    [("internal_error", 500, 0), ("upstream_error", 503, 1)],
)
def test_charged_is_paid_and_answered_with_an_error(
    code: str, status: int, refunds: int
):
    """A 503 is refunded, as documented; after a 500 the task goes on."""
    core = core_of()
    assert (status, code) == error_code(post(core, order(f"a mug @charged:{code}")))
    assert (1, refunds) == (len(core.ledger.charges), len(core.ledger.refunds))
    core.ledger.assert_clean()


@pytest.mark.parametrize(
    ("prompt", "fate"), [("@drop", Fate.DROP_AFTER), ("@hang", Fate.HANG)]
)
def test_a_lost_answer_is_charged(prompt: str, fate: Fate):
    """The task is made and completes; nobody was told its id."""
    core = core_of()
    assert fate is post(core, order(f"a mug {prompt}")).fate
    (charge,) = core.ledger.charges
    assert "completed" == look(core, charge.task_id, now=10.0)["status"]
    core.ledger.assert_clean()


# --- together ---------------------------------------------------------------------------


def test_several_triggers_act_together():
    """Refused at first, then slow, and failed in the end."""
    core, body = core_of(), order("@429:1 @slow:30 @fail:upstream_error")
    refused, task_id = post(core, body), buy(core, body)
    seen = [look(core, task_id, now)["status"] for now in (29.9, 30.0)]
    assert 429 == refused.status
    assert ["processing", "failed"] == seen
    core.ledger.assert_clean()


def test_the_first_act_that_has_not_worn_off_counts():
    """A 429, and then the answer is lost."""
    core = core_of()
    replies = [post(core, order("@429:1 @drop @hang")) for _ in range(2)]
    assert [Fate.ANSWER, Fate.DROP_AFTER] == [reply.fate for reply in replies]
    assert 1 == len(core.ledger.charges)


@pytest.mark.parametrize(
    ("rule", "prompt", "expected"),
    [
        (acts.slow(3.0), "@drop", (Fate.DROP_AFTER, 3.0)),
        (acts.LOST_REPLY, "@slow:1", (Fate.DROP_AFTER, 0.0)),
        (acts.DROPPED, "@hang", (Fate.DROP_BEFORE, 0.0)),
    ],
)
def test_a_scenario_comes_before_a_trigger(
    rule: acts.Act, prompt: str, expected: tuple[Fate, float]
):
    """What does not contradict adds up."""
    reply = post(core_of(Rule("create", rule)), order(f"a mug {prompt}"))
    assert expected == (reply.fate, reply.delay)


def test_a_trigger_changes_only_what_it_names():
    """The rest of the task's course is the scenario's."""
    core = core_of(Rule("create", acts.becoming(fails="odd", seconds=5.0)))
    task = look(core, buy(core, order("a mug @slow:7")), now=7.0)
    assert ("failed", "odd") == (task["status"], task["error"]["code"])


def test_a_trigger_that_sells_keeps_the_scenario_s_course():
    """Unless it has one of its own."""
    core = core_of(Rule("create", acts.becoming(fails="odd")))
    post(core, order("a mug @drop"))
    post(core, order("a mug @charged:upstream_error"))
    codes = [look(core, each, now=10.0)["error"]["code"] for each in core.jobs]
    assert ["odd", "upstream_error"] == codes


def test_money_comes_before_a_trigger_that_sells():
    """What cannot be paid is refused in plain words."""
    core = core_of(balance=1)
    assert (402, "insufficient_credits") == error_code(post(core, order("@drop")))


def test_an_estimate_does_not_mind_triggers():
    """It makes no task."""
    core = core_of()
    body: Any = order("a mug @drop")
    assert 200 == post(core, body, path="/v1/estimate").status
