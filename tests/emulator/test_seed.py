"""
The emulator against the service's own page of GPT Image 2, sentence by sentence.

Each docstring quotes the page; what it says beyond that is ours.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from aivideo_async.emulator import Core, Reply, Request, Rule, acts
from tests.emulator.calls import (
    CREATE,
    KEY,
    buy,
    core_of,
    error_code,
    get,
    look,
    order,
    post,
    read,
)

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


def status_of(**values: Any) -> int:
    """Return the status of a create with this input, a prompt included."""
    return post(core_of(), order(**{"prompt": "a red mug"} | values)).status


def refused(**values: Any) -> bool:
    """Tell whether a create with this input is an invalid request."""
    reply = post(core_of(), order(**{"prompt": "a red mug"} | values))
    return reply.status == 400 and "invalid_request" == read(reply)["error"]["code"]


# --- model and pricing ------------------------------------------------------------------


@pytest.mark.parametrize("model", ["gpt-image-2-image-to-image", "gpt-image-1", "GPT"])
def test_there_is_one_model_id(model: str):
    """“Publicly, use a single model id: gpt-image-2.”"""
    reply = post(core_of(), {"model": model, "input": {"prompt": "a"}})
    assert (404, "model_not_found") == error_code(reply)


@pytest.mark.parametrize(
    ("values", "mode"),
    [
        ({"prompt": "a mug"}, "text-to-image"),
        ({"image_urls": ["https://example.com/a.png"]}, "image-to-image"),
        (
            {"prompt": "a mug", "image_urls": ["https://example.com/a.png"]},
            "image-to-image",
        ),
    ],
    ids=["prompt", "references", "both"],
)
def test_it_generates_and_edits(values: dict[str, Any], mode: str):
    """“It supports both prompt-only generation and reference-image editing.”"""
    core = core_of()
    task = look(core, buy(core, {"model": "gpt-image-2", "input": values}), now=10.0)
    assert f"gpt-image-2-{mode}" == task["output"]["metadata"]["model"]


@pytest.mark.parametrize(("tier", "price"), PRICES.items(), ids=PRICES.keys())
def test_each_tier_costs_what_the_page_says(tier: str, price: str):
    """“Priced per output resolution tier”: 2.4, 4.8 and 7.2 credits, at creation."""
    core = core_of()
    buy(core, order(resolution=tier, aspect_ratio="16:9"))
    assert [Decimal(price)] == [entry.credits for entry in core.ledger.charges]


def test_the_default_tier_is_the_cheapest():
    """“1k (default) 2.4 credits $0.012”"""
    core = core_of()
    buy(core)
    assert Decimal("2.4") == core.ledger.charges[0].credits


# --- create task ------------------------------------------------------------------------


@pytest.mark.parametrize("text", REQUESTS.values(), ids=REQUESTS.keys())
def test_every_request_of_the_page_is_accepted(text: str):
    """The four bodies to the byte; “"data": {"taskId": …}” is a UUID."""
    reply = send(core_of(), text)
    answer = read(reply)
    assert 200 == reply.status
    assert shape(RESPONSE) == shape(answer)
    assert {"code": 200, "msg": "success"} == {k: answer[k] for k in ("code", "msg")}
    assert TASK_ID.fullmatch(answer["data"]["taskId"])


@pytest.mark.parametrize("name", ["model", "input"])
def test_what_the_body_requires(name: str):
    """“model string Yes”, “input object Yes”"""
    body = order()
    del body[name]
    error = read(post(core_of(), body))["error"]
    assert f"'{name}' is required." == error["message"]


def test_a_callback_url_is_optional():
    """“callback_url string No Optional callback URL”"""
    url = {"callback_url": "https://example.com/hook"}
    assert [200, 200] == [
        post(core_of(), body).status for body in (order(), order() | url)
    ]


def test_the_longest_prompt():
    """“Prompt text, max 20,000 characters”"""
    assert 200 == status_of(prompt="é" * 20_000)
    assert refused(prompt="a" * 20_001)


def test_the_most_references():
    """“Reference image URLs for editing. Maximum 16 images.”"""
    urls = [f"https://example.com/{number}.png" for number in range(17)]
    assert 200 == status_of(image_urls=urls[:16])
    assert refused(image_urls=urls)


@pytest.mark.parametrize("ratio", RATIOS)
def test_every_ratio_of_the_page_is_accepted(ratio: str):
    """“One of: auto, 1:1, 5:4, 4:3, 3:2, 16:9, 21:9, 9:16, 4:5, 3:4, 2:3, …”"""
    assert 200 == status_of(aspect_ratio=ratio)


@pytest.mark.parametrize("ratio", ["3:1", "16/9", "AUTO", "", 1])
def test_no_other_ratio_is_accepted(ratio: object):
    """“One of”"""
    assert refused(aspect_ratio=ratio)


def test_the_ratio_defaults_to_auto():
    """“defaults to auto”: without one the picture is that of auto."""

    def size(**values: str) -> tuple[int, int]:
        core = core_of()
        job = core.jobs[buy(core, order(**values))]
        return job.picture.width, job.picture.height

    assert size(aspect_ratio="auto") == size()


@pytest.mark.parametrize("ratio", RATIOS)
def test_4k_takes_only_its_six_ratios(ratio: str):
    """“when resolution=4k, must be explicitly set (not auto) and limited to …”"""
    values = {"aspect_ratio": ratio, "resolution": "4k"}
    assert (200 if ratio in RATIOS_4K else 400) == status_of(**values)


def test_4k_needs_a_ratio():
    """“must be explicitly set (not auto)”"""
    assert refused(resolution="4k")


def test_the_tiers():
    """“One of: 1k, 2k, 4k”"""
    assert [200, 200] == [status_of(resolution=tier) for tier in ("1k", "2k")]
    assert all(refused(resolution=tier) for tier in ("1K", "8k", 2, ""))


def test_the_safety_check_is_a_toggle():
    """“nsfw_checker boolean No Safety check toggle”"""
    assert [200, 200] == [status_of(nsfw_checker=on) for on in (True, False)]
    assert refused(nsfw_checker="true")


def test_something_to_work_from_is_needed():
    """“At least one of prompt or image_urls must be provided.”"""
    reply = post(core_of(), {"model": "gpt-image-2", "input": {"resolution": "1k"}})
    assert (400, "invalid_request") == error_code(reply)


# --- query task -------------------------------------------------------------------------


def test_the_statuses_follow_the_documented_flow():
    """“pending -> processing -> completed”; progress is null on the way."""
    core = core_of()
    task_id = buy(core)
    seen = [look(core, task_id, now) for now in (0.0, 1.0, 5.0, 9.9, 10.0)]
    assert ["pending", "pending", "processing", "processing", "completed"] == [
        task["status"] for task in seen
    ]
    assert [None] * 4 == [task["progress"] for task in seen[:-1]]
    assert "progress" not in seen[-1]


def test_the_other_end_of_the_flow():
    """“or failed”"""
    core = core_of(failure_share=1.0)
    task_id = buy(core)
    seen = [look(core, task_id, now)["status"] for now in (0.0, 5.0, 10.0)]
    assert ["pending", "processing", "failed"] == seen


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
    """“/images/2026/04/05/abc123.png”, on the emulator's host and with a signature."""
    core = core_of()
    core.base_url = "http://127.0.0.1:1"
    (url,) = look(core, buy(core), now=10.0)["output"]["urls"]
    parts = urlsplit(url)
    assert url.startswith("http://127.0.0.1:1/files/images/2026/04/05/")
    assert parts.path.endswith(".png")
    assert {"expires", "signature"} == set(parse_qs(parts.query))


def test_a_failed_task_looks_as_documented():
    """It has an error of code and message, and no completed_at."""
    core = core_of(failure_share=1.0)
    task = look(core, buy(core), now=10.0)
    assert FAILED | {"id": task["id"]} == task
    assert list(FAILED) == list(task)


def test_a_failed_task_is_refunded():
    """“Failed tasks are automatically refunded.”"""
    core = core_of(balance=10, failure_share=1.0)
    buy(core)
    paid = core.ledger.balance
    get(core, "/v1/credits", now=10.0)
    assert (Decimal("7.6"), Decimal(10)) == (paid, core.ledger.balance)


@pytest.mark.parametrize("share", [0.0, 1.0], ids=["completes", "fails"])
def test_the_callback_is_what_a_look_shows(share: float):
    """“a POST request whose payload matches the GET /v1/tasks/{taskId} response”"""
    core = core_of(failure_share=share)
    task_id = buy(core, order() | {"callback_url": "http://127.0.0.1/hook"})
    early = core.due_calls(now=9.9)
    (call,) = core.due_calls(now=10.0)
    assert [] == early
    assert get(core, f"/v1/tasks/{task_id}", now=10.0).body == call.body


# --- errors ---------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "code", "kind"), ERRORS, ids=[e[1] for e in ERRORS])
def test_each_documented_error_has_its_status_and_type(
    status: int, code: str, kind: str
):
    """All ten rows of “Error Reference”, in the documented shape."""
    reply = post(core_of(Rule("create", acts.refuse(code))))
    error = read(reply)["error"]
    assert status == reply.status
    assert {"code": code, "type": kind} == {k: error[k] for k in ("code", "type")}
    assert shape(INVALID) == shape(read(reply))


def second(core: Core) -> Reply:
    """Create twice, and return the second answer."""
    post(core)
    return post(core)


BY_THEMSELVES: dict[str, Callable[[], Reply]] = {
    "invalid_request": lambda: post(core_of(), {}),
    "invalid_api_key": lambda: core_of().handle(Request("POST", CREATE, {}), 0.0),
    "insufficient_credits": lambda: post(core_of(balance=1)),
    "model_not_found": lambda: post(core_of(), order() | {"model": "sora-3"}),
    "task_not_found": lambda: get(core_of(), "/v1/tasks/none"),
    "rate_limit_exceeded": lambda: second(core_of(rate=1.0, burst=1)),
    "spend_limit_exceeded": lambda: second(core_of(spend_limit=4)),
}


@pytest.mark.parametrize("code", BY_THEMSELVES)
def test_what_the_client_causes_is_answered_without_being_asked_for(code: str):
    """The seven errors of the table that follow from what a client does."""
    status = next(row[0] for row in ERRORS if row[1] == code)
    assert (status, code) == error_code(BY_THEMSELVES[code]())


def test_a_missing_model_is_refused_in_the_page_s_words():
    """“'model' is required.”"""
    assert INVALID == read(post(core_of(), {"input": {"prompt": "a"}}))


def test_an_empty_balance_is_refused_in_the_page_s_words():
    """“Your credit balance is too low. Please top up.”"""
    reply = post(core_of(balance="2.3"))
    assert 402 == reply.status
    assert INSUFFICIENT == read(reply)


def test_the_balance_may_be_spent_to_the_last():
    """What is just enough is enough."""
    core = core_of(balance="4.8")
    assert [200, 200, 402] == [post(core).status for _ in range(3)]


def test_the_balance_can_be_checked():
    """“Check your balance with GET /v1/credits”: whole numbers where they are whole."""
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


@pytest.mark.parametrize("key", ["emulator", "Bearer", "pk-emulator"])
def test_a_key_has_its_prefix(key: str):
    """“The key does not start with sk-”"""
    headers = {"authorization": f"Bearer {key}"}
    reply = core_of().handle(Request("GET", "/v1/credits", headers), 0.0)
    assert (401, "invalid_api_key") == error_code(reply)


def test_a_key_may_be_disabled_later():
    """“The key has been disabled or deleted”: from then on every request is refused."""
    core = core_of(Rule("any", acts.refuse("invalid_api_key"), between=(5.0, math.inf)))
    task_id = buy(core)
    late = [get(core, f"/v1/tasks/{task_id}", now=5.0), post(core, now=5.0)]
    assert [(401, "invalid_api_key")] * 2 == [error_code(reply) for reply in late]


def test_an_upstream_failure_is_refunded():
    """“Credits are automatically refunded when a task fails due to upstream errors.”"""
    core = core_of(Rule("create", acts.becoming(fails="upstream_error")))
    task = look(core, buy(core), now=10.0)
    assert "upstream_error" == task["error"]["code"]
    assert Decimal(0) == core.ledger.consumed
    core.ledger.assert_clean()


def test_the_examples_above_are_the_page_s_json():
    """A typing error in this file would prove nothing."""
    assert all(json.loads(text)["model"] == "gpt-image-2" for text in REQUESTS.values())
    assert 10 == len({code for _, code, _ in ERRORS})
