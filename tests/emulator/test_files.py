"""Files as a file host serves them: addresses that expire, ranges, validators."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from aivideo_async.emulator import Core, Picture, Reply, Request, Rule, acts
from aivideo_async.emulator.files import is_signed, serve, signed
from aivideo_async.emulator.pictures import render
from tests.emulator.calls import buy, core_of, get, look

PICTURE = Picture("a red mug", 64, 64)
CONTENT = render(PICTURE)
SIZE = len(CONTENT)
DAY = 86_400.0

# --- addresses --------------------------------------------------------------------------


def address(core: Core, task_id: str, now: float) -> str:
    """Return the address of the file that a look at *now* shows."""
    url: str = look(core, task_id, now)["output"]["urls"][0]
    return url.removeprefix(core.base_url)


def test_an_address_is_valid_for_a_day():
    """From the look that showed it; afterwards it is 403, for good."""
    core = core_of()
    path = address(core, buy(core), now=10.0)
    times = (10.0, DAY + 9, DAY + 10, DAY + 10_000)
    assert [200, 200, 403, 403] == [get(core, path, now).status for now in times]


def test_a_look_gives_a_fresh_address():
    """For a day from then on; the old one stays dead."""
    core = core_of()
    task_id = buy(core)
    old, new = address(core, task_id, 10.0), address(core, task_id, DAY + 10)
    assert [403, 200] == [get(core, path, now=DAY + 11).status for path in (old, new)]
    assert old.partition("?")[0] == new.partition("?")[0]


def test_the_life_of_an_address_is_the_scenario_s():
    """And runs on the emulator's clock: twenty times faster, a minute is 3 seconds."""
    core = core_of(speed=20.0, url_lifetime=60.0)
    path = address(core, buy(core), now=1.0)
    assert [200, 403] == [get(core, path, now).status for now in (3.9, 4.0)]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?",
        "?expires=1775470318",
        "?expires=1999999999&signature={signature}",
        "?expires=1775470318&signature=",
        "?expires=soon&signature={signature}",
        "?expires=-1&signature={signature}",
        "?expires=\u0663&signature={signature}",
        "?expires=" + "9" * 5000 + "&signature={signature}",
        "?signature={signature}&expires=1775470318",
        "?expires=1775470318&signature={signature}0",
        "?expires=1775470318&signature={signature}&signature=0",
    ],
    ids=lambda query: query[:60],
)
def test_a_query_that_was_changed_opens_nothing(query: str):
    """A client has to keep it as it is."""
    core = core_of()
    path, _, rest = address(core, buy(core), now=10.0).partition("?")
    assert "expires=1775470318&" in rest
    signature = rest.partition("signature=")[2]
    forged = path + query.format(signature=signature)
    assert 403 == get(core, forged, now=10.0).status


def test_the_address_of_one_file_opens_no_other():
    """The signature is over the path."""
    core = core_of()
    one, two = (address(core, buy(core), now=10.0) for _ in range(2))
    mixed = one.partition("?")[0] + "?" + two.partition("?")[2]
    assert 403 == get(core, mixed, now=10.0).status


@given(st.integers(0, 2**40), st.integers(0, 2**16), st.integers(0, 2**40))
def test_a_signature_holds_until_it_expires(expires: int, secret: int, unix: int):
    """To the second."""
    path, _, query = signed("/files/a.png", expires, secret).partition("?")
    assert (unix < expires) is is_signed(path, query, secret, unix)
    assert not is_signed(path, query, secret + 1, unix)


def test_the_first_address_may_be_born_dead():
    """As one that was kept for too long; a second look helps."""
    core = core_of(Rule("create", acts.becoming(expired=True)))
    task_id = buy(core)
    first, second = address(core, task_id, 10.0), address(core, task_id, 10.0)
    assert [403, 200, 403] == [
        get(core, path, now=10.0).status for path in (first, second, first)
    ]


# --- ranges -----------------------------------------------------------------------------


def fetch(**headers: str) -> Reply:
    """GET the picture; underscores in names are hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return serve(PICTURE, 1775383918, named)


def test_the_whole_file_says_that_ranges_are_welcome():
    """200 with Accept-Ranges, ETag and Last-Modified."""
    reply = fetch()
    assert (200, CONTENT) == (reply.status, reply.content())
    assert "bytes" == reply.headers["accept-ranges"]
    assert "Sun, 05 Apr 2026 10:11:58 GMT" == reply.headers["last-modified"]
    assert reply.headers["etag"].startswith('"')


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=10-19", 10, 19),
        ("bytes=10-", 10, SIZE - 1),
        (f"bytes=10-{SIZE + 5}", 10, SIZE - 1),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE - 1),
        ("bytes=-7", SIZE - 7, SIZE - 1),
        (f"bytes=-{SIZE + 5}", 0, SIZE - 1),
        ("bytes=0-", 0, SIZE - 1),
    ],
)
def test_a_part_can_be_fetched(wanted: str, first: int, last: int):
    """206 with Content-Range, the same validators, and just these bytes."""
    reply = fetch(range=wanted)
    assert (206, f"bytes {first}-{last}/{SIZE}") == (
        reply.status,
        reply.headers["content-range"],
    )
    assert CONTENT[first : last + 1] == reply.content()
    assert fetch().headers["etag"] == reply.headers["etag"]


@pytest.mark.parametrize("wanted", [f"bytes={SIZE}-", "bytes=9999999-", "bytes=-0"])
def test_a_part_that_is_not_there(wanted: str):
    """416, with the size."""
    reply = fetch(range=wanted)
    assert (416, f"bytes */{SIZE}") == (reply.status, reply.headers["content-range"])
    assert b"" == reply.content()


@pytest.mark.parametrize(
    "wanted",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "lines=0-1",
        "bytes=0-1,4-5",
        "0-1",
        "bytes=9-3",
        "bytes=" + "9" * 5000 + "-",
    ],
    ids=lambda wanted: wanted[:14],
)
def test_what_is_not_understood_is_answered_whole(wanted: str):
    """As HTTP allows."""
    reply = fetch(range=wanted)
    assert (200, CONTENT) == (reply.status, reply.content())


@pytest.mark.parametrize("name", ["etag", "last-modified"])
def test_a_part_of_the_same_file_is_continued(name: str):
    """If-Range with either validator."""
    assert 206 == fetch(range="bytes=5-", if_range=fetch().headers[name]).status


@pytest.mark.parametrize("known", ['"another"', "Sun, 05 Apr 2026 10:11:57 GMT", ""])
def test_a_part_of_another_file_is_not(known: str):
    """If-Range with what it was: the whole file, from its beginning."""
    reply = fetch(range="bytes=5-", if_range=known)
    assert (200, CONTENT) == (reply.status, reply.content())


def test_other_pictures_have_other_etags():
    """Equal ones the same."""
    other = serve(Picture("a blue mug", 64, 64), 1775383918, {})
    assert fetch().headers["etag"] == fetch().headers["etag"]
    assert fetch().headers["etag"] != other.headers["etag"]


def test_a_range_reaches_the_file_through_the_core():
    """And is logged with the status that went out."""
    core = core_of()
    path = address(core, buy(core), now=10.0)
    headers = {"range": "bytes=0-3"}
    reply = core.handle(Request("GET", path, headers), 10.0)
    assert (206, b"\x89PNG") == (reply.status, reply.content())
    assert 206 == core.requests[-1].status


# --- what can go wrong ------------------------------------------------------------------


def test_the_first_download_may_break_off():
    """The second one is whole."""
    core = core_of(Rule("create", acts.becoming(truncated=True)))
    path = address(core, buy(core), now=10.0)
    fates: list[Any] = [get(core, path, now=10.0).fate.name for _ in range(3)]
    assert ["TRUNCATE", "ANSWER", "ANSWER"] == fates


def test_a_completed_task_may_have_no_file():
    """Empty urls, and paid for."""
    core = core_of(Rule("create", acts.becoming(empty=True)))
    task = look(core, buy(core), now=10.0)
    assert ("completed", []) == (task["status"], task["output"]["urls"])
    assert [] == core.ledger.refunds
