"""The core: who may ask, what is refused, what it costs, how time passes."""

from __future__ import annotations

import random
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from hypothesis import given, strategies as st

from aivideo_async.emulator import Core, Fate, Request, Rule, Scenario, acts
from aivideo_async.emulator.core import KEPT
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

# --- the door ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "sk-emulator"},
        {"authorization": "Basic sk-emulator"},
        {"authorization": "Bearer emulator"},
        {"authorization": "Bearer sk-another"},
    ],
    ids=["none", "bare", "basic", "no prefix", "another"],
)
def test_a_wrong_key_is_refused(headers: dict[str, str]):
    """401, and nothing is charged."""
    core = core_of()
    reply = core.handle(Request("POST", CREATE, headers, b"{}"), 0.0)
    assert (401, "invalid_api_key") == error_code(reply)
    assert [] == core.ledger.charges


def test_the_scheme_of_the_key_may_be_written_in_any_case():
    """HTTP says that schemes have no case."""
    headers = {"authorization": "bearer sk-emulator"}
    assert 200 == core_of().handle(Request("GET", "/v1/credits", headers), 0.0).status


@pytest.mark.parametrize("path", ["/v1/unknown", "/v1/", "/", "/v1", "/v1/images"])
def test_an_unknown_path_is_not_found(path: str):
    """404 in the documented shape."""
    assert (404, "not_found") == error_code(get(core_of(), path))


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", CREATE, "POST"),
        ("POST", "/v1/credits", "GET"),
        ("GET", "/v1/estimate", "POST"),
        ("DELETE", "/v1/tasks/t-1", "GET"),
        ("PUT", "/files/a.png", "GET"),
    ],
)
def test_a_wrong_method_names_the_right_one(method: str, path: str, allowed: str):
    """405 with Allow."""
    reply = core_of().handle(Request(method, path, KEY), 0.0)
    assert (405, "method_not_allowed") == error_code(reply)
    assert allowed == reply.headers["allow"]


def test_a_query_does_not_change_the_path():
    """What follows the question mark is ignored."""
    assert 200 == get(core_of(), "/v1/credits?fresh=1").status


def test_an_unknown_task_is_not_found():
    """404 task_not_found."""
    assert (404, "task_not_found") == error_code(get(core_of(), "/v1/tasks/t-1"))


def test_every_request_is_logged_as_it_came():
    """Time, method, path, status and body; the key is not among them."""
    core = core_of()
    get(core, "/v1/credits?a=1", now=3.0)
    post(core, {"input": {}}, now=4.0)
    first, second = core.requests
    assert (3.0, "GET", "/v1/credits?a=1", 200) == (
        first.at,
        first.method,
        first.path,
        first.status,
    )
    assert (400, b'{"input": {}}') == (second.status, second.body)
    assert "sk-emulator" not in repr(core.requests)


def test_the_log_does_not_grow_for_ever():
    """The newest requests stay."""
    core = core_of()
    for number in range(2 * KEPT + 5):
        get(core, f"/{number}")
    assert KEPT <= len(core.requests) < 2 * KEPT
    assert f"/{2 * KEPT + 4}" == core.requests[-1].path


def test_the_log_tells_how_the_connection_behaved():
    """Where no status went out, its fate says why."""
    core = core_of(Rule("create", acts.HANGING, nth=2))
    post(core)
    post(core)
    assert [(200, Fate.ANSWER), (None, Fate.HANG)] == [
        (received.status, received.fate) for received in core.requests
    ]


def test_its_tasks_can_be_looked_at():
    """In order, with their status at any time, their price and their prompt."""
    core = core_of()
    ids = [buy(core, order(prompt)) for prompt in ("one", "two")]
    job = core.jobs[ids[1]]
    assert ids == list(core.jobs)
    assert ["pending", "completed"] == [job.status(now) for now in (0.0, 10.0)]
    assert (Decimal("2.4"), "two") == (job.credits, job.picture.prompt)
    with pytest.raises(TypeError):
        core.jobs["t-1"] = job  # type: ignore[index]


WORDS = st.text(max_size=30) | st.sampled_from(
    [
        "@slow:nan",
        "@callback:99",
        "@429:1",
        "@fail:x",
        "bytes=0-",
        "bytes=-0",
        "auto",
        "4k",
        "gpt-image-2",
        "http://127.0.0.1:1/hook",
    ]
)
VALUES = st.recursive(
    WORDS | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3)
    ),
    max_leaves=6,
)
INPUTS = st.fixed_dictionaries(
    {"prompt": VALUES},
    optional=dict.fromkeys(
        ("image_urls", "aspect_ratio", "resolution", "nsfw_checker", "x"), VALUES
    ),
)
BODIES = st.fixed_dictionaries(
    {"model": st.just("gpt-image-2") | VALUES, "input": INPUTS | VALUES},
    optional={"callback_url": VALUES},
)


@given(BODIES, st.sampled_from([CREATE, "/v1/estimate"]))
def test_any_body_is_answered(body: Any, path: str):
    """Served or refused, in JSON; and the books are right."""
    core = core_of()
    assert post(core, body, path=path).status in {200, 400, 404, 429}
    assert read(get(core, "/v1/credits", now=1e6))["data"]["balance"] <= 10_000
    assert all(call.body for call in core.due_calls(now=1e6))
    core.ledger.assert_clean()


@given(
    st.sampled_from(["GET", "POST", "HEAD", "\0"]),
    st.sampled_from(["/v1/tasks/", "/v1/", "/files/", "/files/images/", "/", ""]),
    WORDS,
    WORDS,
)
def test_any_request_is_answered(method: str, start: str, rest: str, word: str):
    """However odd its method, path and headers are."""
    headers = {**KEY, "range": word, "if-range": word}
    reply = core_of().handle(Request(method, start + rest, headers), 0.0)
    assert 400 <= reply.status < 500


# --- what a create must look like -------------------------------------------------------


def message(body: Any) -> str:
    """Return the text with which a create is refused."""
    reply = post(core_of(), body)
    assert (400, "invalid_request") == error_code(reply)
    text = read(reply)["error"]["message"]
    assert isinstance(text, str)
    return text


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"a":1,"a":2}', b"\xff"])
def test_a_body_that_is_no_json_object_is_refused(body: bytes):
    """400, not a crash."""
    reply = core_of().handle(Request("POST", CREATE, KEY, body), 0.0)
    assert (400, "invalid_request") == error_code(reply)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"model": 1, "input": {}}, "'model' must be a string."),
        ({"model": "gpt-image-2"}, "'input' is required."),
        ({"model": "gpt-image-2", "input": []}, "'input' must be an object."),
        (
            order() | {"callback_url": "ftp://a"},
            "'callback_url' must be an absolute http(s) URL.",
        ),
        (
            order() | {"callback_url": 1},
            "'callback_url' must be an absolute http(s) URL.",
        ),
    ],
)
def test_each_part_of_the_body_is_checked(body: Any, text: str):
    """The text is a quoted path and the rule."""
    assert text == message(body)


@pytest.mark.parametrize(
    ("values", "start"),
    [
        ({"prompt": "a" * 20_001}, "'input.prompt' has 20,001 characters"),
        ({"prompt": None}, "'input.prompt'"),
        ({"prompt": "\ud800"}, "'input.prompt' holds a lone surrogate"),
        ({"aspect_ratio": "7:1"}, "'input.aspect_ratio'='7:1' is not one of"),
        ({"image_urls": ["http://e.com/a.png"] * 17}, "'input.image_urls' has 17"),
        ({"image_urls": ["a.png"]}, "'input.image_urls'[0]='a.png' is not an absolute"),
        ({"nsfw_checker": "yes"}, "'input.nsfw_checker'='yes' is not a truth value"),
        ({"size": "1:1"}, "'input.size': unknown field."),
        ({"\ud800": "1:1"}, "'input. '"),
    ],
)
def test_each_field_is_checked_by_the_catalogue(values: dict[str, Any], start: str):
    """The text begins with ``'input.<field>'``."""
    assert message(order(**{"prompt": "a"} | values)).startswith(start)


@pytest.mark.parametrize("model", ["gpt-image-3", "", "\ud800"])
def test_an_unknown_model_is_not_found(model: str):
    """404 model_not_found."""
    body = {"model": model, "input": {"prompt": "a"}}
    assert (404, "model_not_found") == error_code(post(core_of(), body))


def test_references_alone_are_enough():
    """Either a prompt or references."""
    body = {"model": "gpt-image-2", "input": {"image_urls": ["https://e.com/a.png"]}}
    assert 200 == post(core_of(), body | {"callback_url": "https://e.com/hook"}).status


def test_what_is_refused_is_not_charged():
    """No task, no charge, the balance untouched."""
    core = core_of(balance=10)
    post(core, {"model": "gpt-image-2", "input": {}})
    assert ([], Decimal(10)) == (core.ledger.charges, core.ledger.balance)


# --- money ------------------------------------------------------------------------------


def test_a_spend_limit_stops_buying_and_not_looking():
    """429 spend_limit_exceeded; what was bought can be collected."""
    core = core_of(spend_limit="4.8")
    task_id = buy(core)
    buy(core)
    assert (429, "spend_limit_exceeded") == error_code(post(core))
    assert "completed" == look(core, task_id, now=10.0)["status"]


def test_a_refund_gives_no_room_back_in_a_spend_limit():
    """The harsher reading of what is not documented."""
    core = core_of(spend_limit="2.4", failure_share=1.0)
    buy(core)
    assert (429, "spend_limit_exceeded") == error_code(post(core, now=10.0))
    assert 1 == len(core.ledger.refunds)


def test_a_refund_comes_when_the_task_fails_whoever_looks():
    """The refund bears the time of the failure, not of the look."""
    core = core_of(failure_share=1.0)
    task_id = buy(core)
    get(core, "/v1/credits", now=9.9)
    early = list(core.ledger.refunds)
    get(core, "/v1/credits", now=60.0)
    (refund,) = core.ledger.refunds
    assert [] == early
    assert (task_id, Decimal("2.4"), 10.0) == (
        refund.task_id,
        refund.credits,
        refund.at,
    )
    core.ledger.assert_clean()


def test_the_same_body_twice_is_a_double_charge():
    """Another prompt is not; the fingerprint is that of the bytes."""
    core = core_of()
    for prompt in ("one", "two", "one"):
        buy(core, order(prompt))
    (double,) = core.ledger.double_charges
    assert core.ledger.charges[2] == double


@pytest.mark.parametrize(
    ("table", "price"), [(0, "2.4"), (1, "4.7")], ids=["the page's", "another copy's"]
)
def test_the_price_table_can_be_chosen(table: int, price: str):
    """What is charged, what is left, and what an estimate says."""
    core = core_of(price_table=table, balance=10)
    buy(core)
    estimate = read(post(core, path="/v1/estimate"))["data"]["credits"]
    assert Decimal(price) == core.ledger.consumed
    assert float(price) == estimate
    core.ledger.assert_clean()


@pytest.mark.parametrize(
    ("values", "credits"),
    [
        ({}, 2.4),
        ({"resolution": "2k"}, 4.8),
        ({"image_urls": ["https://e.com/a"]}, 2.4),
    ],
    ids=str,
)
def test_an_estimate_costs_nothing(values: dict[str, Any], credits: float):
    """It names the price, in an answer whose shape is our guess, and makes no task."""
    core = core_of()
    reply = post(core, order(**values), path="/v1/estimate")
    assert {"code": 200, "msg": "success", "data": {"credits": credits}} == read(reply)
    assert ({}, []) == (core.jobs, core.ledger.charges)


def test_an_estimate_is_checked_like_a_create():
    """400 and 404; it needs the key and counts in the rate limit."""
    wrong = [order(aspect_ratio="7:1"), order() | {"model": "none"}, {}]
    codes = [error_code(post(core_of(), b, path="/v1/estimate"))[0] for b in wrong]
    core = core_of(rate=1.0)
    statuses = [post(core, path="/v1/estimate").status for _ in range(2)]
    assert ([400, 404, 400], [200, 429]) == (codes, statuses)


# --- limits -----------------------------------------------------------------------------


def test_the_rate_limit_counts_every_request():
    """Creates, looks and credits share one allowance."""
    core = core_of(rate=1.0, burst=3)
    task_id = buy(core)
    statuses = [
        get(core, f"/v1/tasks/{task_id}").status,
        get(core, "/v1/credits").status,
        post(core).status,
    ]
    assert [200, 200, 429] == statuses
    assert 1 == len(core.ledger.charges)


def test_a_wrong_key_and_a_file_take_no_allowance():
    """The limit is that of the key, at the API."""
    core = core_of(rate=1.0)
    core.handle(Request("GET", "/v1/credits", {}), 0.0)
    get(core, "/files/a.png")
    assert 200 == get(core, "/v1/credits").status


def test_the_burst_is_a_second_s_worth_by_default():
    """And never less than one request."""
    fast, slow = core_of(rate=3.0), core_of(rate=0.5)
    assert [200, 200, 200, 429] == [get(fast, "/v1/credits").status for _ in range(4)]
    assert [200, 429] == [get(slow, "/v1/credits").status for _ in range(2)]


def limited(**fields: Any) -> dict[str, str]:
    """Return the headers of a 429 after which half a second has to pass."""
    core = core_of(rate=0.5, **fields)
    get(core, "/v1/credits", now=7.0)
    reply = get(core, "/v1/credits", now=8.5)
    assert (429, "rate_limit_exceeded") == error_code(reply)
    return dict(reply.headers)


def test_a_429_says_nothing_by_default():
    """As the service: no Retry-After is documented."""
    assert {"content-type": "application/json"} == limited()


def test_a_429_may_say_whole_seconds():
    """Rounded up: never too early."""
    assert "1" == limited(retry_after="seconds")["retry-after"]


def test_a_429_may_say_a_date():
    """By the Date of the same answer, and never too early."""
    headers = limited(retry_after="date")
    date, retry = (parsedate_to_datetime(headers[k]) for k in ("date", "retry-after"))
    assert "Sun, 05 Apr 2026 10:11:49 GMT" == headers["date"]
    assert 1 == (retry - date).total_seconds()


# --- time and chance --------------------------------------------------------------------


def test_speed_shortens_tasks():
    """Ten seconds at twenty times the speed are half a second."""
    core = core_of(speed=20.0)
    task_id = buy(core)
    statuses = [look(core, task_id, now)["status"] for now in (0.49, 0.5)]
    assert ["processing", "completed"] == statuses


def test_the_metadata_tells_the_real_cost_in_time():
    """As the service would count it, whatever the speed."""
    core = core_of(speed=20.0)
    metadata = look(core, buy(core), now=1.0)["output"]["metadata"]
    assert {"model": "gpt-image-2-text-to-image", "costTime": 10} == metadata


def test_time_starts_with_the_first_request():
    """The loop's own clock may show anything."""
    core = core_of()
    get(core, "/v1/credits", now=5_000.0)
    task_id = buy(core, now=5_007.9)
    assert 1775383915 == look(core, task_id, now=5_008.0)["created_at"]


def test_the_same_seed_tells_the_same_story():
    """Ids, durations and failures; another seed tells another."""

    def story(seed: int) -> list[Any]:
        core = core_of(seed=seed, spread=0.5, failure_share=0.5)
        ids = [buy(core, order(f"mug {index}")) for index in range(5)]
        return [look(core, task_id, now=9.0) for task_id in ids]

    assert story(1) == story(1)
    assert story(1) != story(2)


def test_durations_spread_around_their_median():
    """Half below eight seconds, 95 % below 1.8 times that."""
    core = Core(Scenario(balance=10**6), random.Random(1), speed=1.0)
    ids = [buy(core, order(str(index))) for index in range(400)]
    done = [
        sum(look(core, task_id, now)["status"] == "completed" for task_id in ids)
        for now in (8.0, 14.4)
    ]
    assert 160 < done[0] < 240
    assert 370 < done[1] < 395


def test_a_speed_of_nothing_is_refused():
    """Tasks would never end."""
    with pytest.raises(ValueError, match="speed=0"):
        core_of(speed=0)


# --- files ------------------------------------------------------------------------------


def path_of(core: Core, task_id: str) -> str:
    """Return the path of a finished task's file."""
    url: str = look(core, task_id, now=10.0)["output"]["urls"][0]
    return url.removeprefix(core.base_url)


def test_a_finished_task_has_a_picture():
    """PNG of the size of its ratio and tier, for anybody who knows the address."""
    core = core_of()
    path = path_of(core, buy(core, order(aspect_ratio="16:9", resolution="2k")))
    reply = core.handle(Request("GET", path, {}), 10.0)
    assert (200, "image/png") == (reply.status, reply.headers["content-type"])
    assert reply.picture is not None
    assert (2736, 1536) == (reply.picture.width, reply.picture.height)
    assert not reply.picture.edit


def test_the_picture_of_an_edit_says_so():
    """It will show a reference in its corner."""
    core = core_of()
    urls = ["https://example.com/a.png"]
    path = path_of(
        core, buy(core, {"model": "gpt-image-2", "input": {"image_urls": urls}})
    )
    picture = get(core, path, now=10.0).picture
    assert picture is not None
    assert ("", True) == (picture.prompt, picture.edit)


def test_there_is_no_file_before_its_time():
    """Nor for a failed task, another day, or a name of no task."""
    core = core_of()
    task_id = buy(core)
    path = path_of(core, task_id)
    failing = core_of(failure_share=1.0)
    failed = f"/files/images/2026/04/05/{buy(failing)}.png"
    assert 404 == get(core, path, now=9.0).status
    assert 404 == get(core, path.replace("04/05", "04/06"), now=10.0).status
    assert 404 == get(core, "/files/images/2026/04/05/none.png", now=10.0).status
    assert 404 == get(failing, failed, now=10.0).status
