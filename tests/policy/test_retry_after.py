"""Retry-After: read as seconds or as a date, and never believed beyond a day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import example, given, strategies as st

from aivideo_async.policy.retry import read_http_date, read_retry_after

TODAY = datetime(2026, 4, 5, 12, 0, 0, tzinfo=UTC)
DAY = 86400.0


def read(text: str) -> float | None:
    """Read a header of *text*."""
    return read_retry_after({"retry-after": text}, TODAY)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1", 1.0),
        ("2.5", 2.5),
        (" 7 ", 7.0),
        ("0.001", 0.001),
        ("86400", DAY),
        ("86401", DAY),
        ("1e12", DAY),
        ("inf", DAY),
        ("9" * 400, DAY),
        ("Sun, 05 Apr 2026 12:00:30 GMT", 30.0),
        ("Sun, 05 Apr 2026 14:00:30 +0200", 30.0),
        ("Sun, 05 Apr 2026 12:00:30 -0000", 30.0),
        ("Sunday, 05-Apr-26 12:00:30 GMT", 30.0),
        ("Mon, 06 Apr 2026 12:00:01 GMT", DAY),
        ("Fri, 31 Dec 9999 23:59:59 GMT", DAY),
    ],
)
def test_seconds_and_dates_are_understood(text: str, seconds: float):
    """More than a day is a day: an odd header cannot stop a client for good."""
    assert seconds == read(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "0",
        "-0.0",
        "-1",
        "-inf",
        "nan",
        "soon",
        "5 seconds",
        "1,5",
        "0x10",
        "Sun, 05 Apr 2026 12:00:00 GMT",
        "Sun, 05 Apr 2026 11:59:59 GMT",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Sun, 35 Apr 2026 12:00:30 GMT",
        "Sun, 05 Apr 2026 25:00:30 GMT",
        "Sun, 05 Apr 2026 12:00:30 +9999",
        "2026-04-05T12:00:30Z",
        ",",
        "\x00",
    ],
)
def test_nonsense_and_the_past_are_nothing(text: str):
    """Then the throttle decides by itself."""
    assert None is read(text)


def test_no_header_is_nothing():
    """Names are in lower case by then."""
    assert None is read_retry_after({}, TODAY)


@given(st.text())
@example("Sun, 05 Apr 99999999999 12:00:30 GMT")
@example("Sun, 05 Apr 99999999999999999999 12:00:30 GMT")
@example("Sun, 99999999999999 Apr 2026 12:00:30 GMT")
@example("Sun, 05 Apr 2026 99999999999999999999:00:30 GMT")
@example("Sun, 05 Apr 2026 12:00:30 +99999999999999999999")
@example("Sun, 05 Apr 2026 12:00:30 " + "+" + "9" * 5000)
@example("Sat, 01 Jan 0001 00:00:00 +2300")
@example("Fri, 31 Dec 9999 23:59:59 -2300")
def test_no_header_of_the_server_breaks_the_reading(text: str):
    """It arrives with a paid answer, which an error here would lose."""
    seconds = read(text)
    assert seconds is None or 0 < seconds <= DAY
    moment = read_http_date(text)
    assert moment is None or moment.tzinfo is not None


@given(
    st.datetimes(datetime(1900, 1, 1), datetime(9000, 1, 1)),  # noqa: DTZ001
    st.integers(-14 * 60, 14 * 60),
)
def test_every_date_means_its_moment(moment: datetime, minutes: int):
    """In whatever zone it is written."""
    zone = timezone(timedelta(minutes=minutes))
    aware = moment.replace(microsecond=0, tzinfo=zone)
    wait = (aware - TODAY).total_seconds()
    expected = min(wait, DAY) if wait > 0 else None
    assert expected == read(format_datetime(aware))
    assert aware == read_http_date(format_datetime(aware))


def test_the_servers_own_clock_may_be_today():
    """A wrong clock of ours does not matter then."""
    headers = {"retry-after": "Sun, 05 Apr 2026 12:00:30 GMT"}
    server = read_http_date("Sun, 05 Apr 2026 12:00:10 GMT")
    assert server is not None
    assert 20.0 == read_retry_after(headers, server)
