"""The emulator against every example and table of the service's own page."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import pytest

from aivideo_async.emulator import Core, Request, Rule, acts
from tests.emulator.calls import CREATE, KEY, buy, core_of, get, look, post, read

# --- what the page shows ------------------------------------------------------------

REQUESTS = {
    "create task": """{
    "model": "gpt-image-2",
    "input": {
      "prompt": "Turn this product photo into a clean studio shot on a white background",
      "image_urls": [
        "https://example.com/source.png"
      ],
      "aspect_ratio": "1:1",
      "nsfw_checker": true
    }
  }""",
    "text to image": """{
    "model": "gpt-image-2",
    "input": {
      "prompt": "A cinematic night city poster with neon reflections on a rainy street.",
      "aspect_ratio": "16:9",
      "nsfw_checker": true
    }
  }""",
    "image to image": """{
    "model": "gpt-image-2",
    "input": {
      "prompt": "Convert this room into a warm Scandinavian interior design render",
      "image_urls": [
        "https://example.com/room.jpg"
      ],
      "aspect_ratio": "3:2"
    }
  }""",
    "4k output": """{
    "model": "gpt-image-2",
    "input": {
      "prompt": "An ancient castle under a starry sky, cinematic composition",
      "aspect_ratio": "16:9",
      "resolution": "4k"
    }
  }""",
}

RESPONSE = {
    "code": 200,
    "msg": "success",
    "data": {"taskId": "397ce9f2-c04e-4244-ac33-3af19a7cc297"},
}

COMPLETED = {
    "id": "397ce9f2-c04e-4244-ac33-3af19a7cc297",
    "status": "completed",
    "model": "gpt-image-2",
    "created_at": 1775383908,
    "completed_at": 1775383910,
    "output": {
        "urls": ["https://file.aivideoapi.ai/images/2026/04/05/abc123.png"],
        "metadata": {"model": "gpt-image-2-image-to-image", "costTime": 70},
    },
}

FAILED = {
    "id": "57c8772c-f834-46f3-9b7d-81f92e104050",
    "status": "failed",
    "model": "gpt-image-2",
    "created_at": 1775383908,
    "error": {"code": "upstream_error", "message": "Generation failed"},
}

INSUFFICIENT = {
    "error": {
        "code": "insufficient_credits",
        "message": "Your credit balance is too low. Please top up.",
        "type": "billing_error",
    }
}

INVALID = {
    "error": {
        "code": "invalid_request",
        "message": "'model' is required.",
        "type": "invalid_request_error",
    }
}

ERRORS = [
    (400, "invalid_request", "invalid_request_error"),
    (401, "invalid_api_key", "authentication_error"),
    (402, "insufficient_credits", "billing_error"),
    (403, "ip_not_allowed", "permission_error"),
    (404, "model_not_found", "invalid_request_error"),
    (404, "task_not_found", "invalid_request_error"),
    (429, "rate_limit_exceeded", "rate_limit_error"),
    (429, "spend_limit_exceeded", "billing_error"),
    (500, "internal_error", "api_error"),
    (503, "upstream_error", "upstream_error"),
]

PRICES = {"1k": "2.4", "2k": "4.8", "4k": "7.2"}

RATIOS = [
    *("auto", "1:1", "5:4", "4:3", "3:2", "16:9", "21:9"),
    *("9:16", "4:5", "3:4", "2:3", "2:1", "1:2", "9:21"),
]
RATIOS_4K = ["16:9", "9:16", "2:1", "1:2", "21:9", "9:21"]

TASK_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def shape(value: Any) -> Any:
    """Reduce a document to its keys, in order, and the types of its values."""
    if isinstance(value, dict):
        return [(key, shape(item)) for key, item in value.items()]
    if isinstance(value, list):
        return [shape(item) for item in value]
    return type(value).__name__


def send(core: Core, text: str) -> Any:
    """Post an example of the page, to the byte."""
    return core.handle(Request("POST", CREATE, KEY, text.encode()), 0.0)


# --- requests and answers -------------------------------------------------------------


@pytest.mark.parametrize("text", REQUESTS.values(), ids=REQUESTS.keys())
def test_every_request_of_the_page_is_accepted(text: str):
    """The answer has the documented shape, and a UUID for a task id."""
    reply = send(core_of(), text)
    answer = read(reply)
    assert 200 == reply.status
    assert shape(RESPONSE) == shape(answer)
    assert {"code": 200, "msg": "success"} == {k: answer[k] for k in ("code", "msg")}
    assert TASK_ID.fullmatch(answer["data"]["taskId"])


def test_a_completed_task_looks_as_documented():
    """Keys, order and types; the edit names the model behind the model."""
    core = core_of()
    task_id = read(send(core, REQUESTS["create task"]))["data"]["taskId"]
    task = look(core, task_id, now=10.0)
    assert shape(COMPLETED) == shape(task)
    assert task_id == task["id"]
    same = ("status", "model", "created_at")
    assert [COMPLETED[key] for key in same] == [task[key] for key in same]
    assert "gpt-image-2-image-to-image" == task["output"]["metadata"]["model"]
    assert 1775383918 == task["completed_at"]


def test_the_url_of_a_file_is_dated_as_documented():
    """``/images/YYYY/MM/DD/name.png``, here on the emulator's own host."""
    core = core_of()
    core.base_url = "http://127.0.0.1:1"
    (url,) = look(core, buy(core), now=10.0)["output"]["urls"]
    assert url.startswith("http://127.0.0.1:1/files/images/2026/04/05/")
    assert url.endswith(".png")


def test_a_failed_task_looks_as_documented():
    """It has an error of code and message, and no completed_at."""
    core = core_of(failure_share=1.0)
    task = look(core, buy(core), now=10.0)
    assert FAILED | {"id": task["id"]} == task
    assert list(FAILED) == list(task)


def test_the_statuses_follow_the_documented_flow():
    """Pending, processing, completed; progress is null on the way."""
    core = core_of()
    task_id = buy(core)
    seen = [look(core, task_id, now) for now in (0.0, 1.0, 5.0, 9.9, 10.0)]
    assert ["pending", "pending", "processing", "processing", "completed"] == [
        task["status"] for task in seen
    ]
    assert [None] * 4 == [task["progress"] for task in seen[:-1]]
    assert "progress" not in seen[-1]


def test_credits_are_numbers_in_an_envelope():
    """Balance, purchased and consumed; whole numbers where they are whole."""
    core = core_of(balance=100)
    before = read(get(core, "/v1/credits"))
    buy(core)
    after = read(get(core, "/v1/credits"))
    assert {
        "code": 200,
        "msg": "success",
        "data": {"balance": 100, "total_purchased": 100, "total_consumed": 0},
    } == before
    assert {"balance": 97.6, "total_purchased": 100, "total_consumed": 2.4} == after[
        "data"
    ]


@pytest.mark.parametrize(("tier", "price"), PRICES.items(), ids=PRICES.keys())
def test_each_tier_costs_what_the_page_says(tier: str, price: str):
    """2.4, 4.8 and 7.2 credits, taken at creation."""
    core = core_of()
    values = {"prompt": "a castle", "resolution": tier, "aspect_ratio": "16:9"}
    buy(core, {"model": "gpt-image-2", "input": values})
    assert [Decimal(price)] == [entry.credits for entry in core.ledger.charges]


def test_the_default_tier_is_the_cheapest():
    """Without a resolution it is 1k."""
    core = core_of()
    buy(core)
    assert Decimal("2.4") == core.ledger.charges[0].credits


@pytest.mark.parametrize("ratio", RATIOS)
def test_every_ratio_of_the_page_is_accepted(ratio: str):
    """All fourteen, in 1k."""
    reply = post(
        core_of(),
        {"model": "gpt-image-2", "input": {"prompt": "a", "aspect_ratio": ratio}},
    )
    assert 200 == reply.status


@pytest.mark.parametrize("ratio", RATIOS)
def test_4k_takes_only_its_six_ratios(ratio: str):
    """The others, auto among them, are refused."""
    values = {"prompt": "a", "aspect_ratio": ratio, "resolution": "4k"}
    reply = post(core_of(), {"model": "gpt-image-2", "input": values})
    assert (200 if ratio in RATIOS_4K else 400) == reply.status


def test_a_failed_task_is_refunded():
    """The page: failed tasks are automatically refunded."""
    core = core_of(balance=10, failure_share=1.0)
    buy(core)
    paid = core.ledger.balance
    get(core, "/v1/credits", now=10.0)
    assert (Decimal("7.6"), Decimal(10)) == (paid, core.ledger.balance)


# --- errors ---------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "code", "kind"), ERRORS, ids=[e[1] for e in ERRORS])
def test_each_documented_error_has_its_status_and_type(
    status: int, code: str, kind: str
):
    """All ten, in the documented shape."""
    reply = post(core_of(Rule("create", acts.refuse(code))))
    error = read(reply)["error"]
    assert status == reply.status
    assert {"code": code, "type": kind} == {k: error[k] for k in ("code", "type")}
    assert shape(INVALID) == shape(read(reply))


def test_a_missing_model_is_refused_in_the_page_s_words():
    """``'model' is required.``"""
    assert INVALID == read(post(core_of(), {"input": {"prompt": "a"}}))


def test_an_empty_balance_is_refused_in_the_page_s_words():
    """402, with advice to top up."""
    reply = post(core_of(balance="2.3"))
    assert 402 == reply.status
    assert INSUFFICIENT == read(reply)


def test_the_balance_may_be_spent_to_the_last():
    """What is just enough is enough."""
    core = core_of(balance="4.8")
    assert [200, 200, 402] == [post(core).status for _ in range(3)]


def test_the_examples_above_are_the_page_s_json():
    """A typing error in this file would prove nothing."""
    assert all(json.loads(text)["model"] == "gpt-image-2" for text in REQUESTS.values())
    assert 10 == len({code for _, code, _ in ERRORS})
