"""The words of an exchange, and text from outside made safe."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from attrs import exceptions
from hypothesis import given, strategies as st

from aivideo_async.models import Evidence, Exchange, Fault, FaultKind, WireRequest
from aivideo_async.models.wire import printable


@given(st.text() | st.binary())
def test_nothing_of_the_server_can_steer_a_terminal(text: str | bytes):
    """Every character is printable, and there are never too many."""
    safe = printable(text)
    assert safe.isprintable()
    assert len(safe) <= 2048


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        pytest.param("plain ä 🍵", "plain ä 🍵", id="plain"),
        pytest.param("a\r\nb\tc\x00", "a  b c ", id="control characters"),
        pytest.param("\x1b[31mred", " [31mred", id="colour"),
        pytest.param("a\u202eb\u200f", "a b ", id="direction"),
        pytest.param("a\ud800b", "a b", id="lone surrogate"),
        pytest.param(b"<html>\n", "<html> ", id="bytes"),
        pytest.param(b"a\xffb", "a\ufffdb", id="broken UTF-8"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_each_odd_character_becomes_one_blank(text: str | bytes, safe: str):
    """So the place of what follows can be found again."""
    assert safe == printable(text)


def test_evidence_is_cut_at_2_kib():
    """For bytes before they are decoded, so that a flood costs nothing."""
    assert "x" * 2048 == printable(b"x" * 10_000_000)
    assert "x" * 2048 == printable("x" * 3000)
    assert "xxx" == printable("x" * 3000, 3)


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (Fault(FaultKind.TIMEOUT), "timeout"),
        (Fault(FaultKind.CONNECT, "refused"), "no connection: refused"),
    ],
    ids=["kind", "detail"],
)
def test_a_fault_reads_as_words(fault: Fault, text: str):
    """Its class, and the underlying error if there is one."""
    assert text == str(fault)


@pytest.mark.parametrize(
    "value",
    [
        Fault(FaultKind.BROKEN, "reset"),
        Exchange(True, 200, {"date": "today"}, b"{}", Fault(FaultKind.TIMEOUT)),
        Evidence(502, "<html>", "timeout", "no answer"),
        WireRequest("POST", "/v1/images/generations", b"{}", sent=True),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_words_are_values(value: Any):
    """Equal by content after a journey to another process."""
    assert value == pickle.loads(pickle.dumps(value))


def test_only_the_request_on_the_wire_changes():
    """Its mark is set by the transport; what came back is frozen."""
    request = WireRequest("GET", "/v1/credits")
    request.sent = True
    exchange = Exchange(sent=True)
    with pytest.raises(exceptions.FrozenInstanceError):
        exchange.sent = False  # type: ignore[misc]


def test_a_request_does_not_show_its_body():
    """A prompt and a callback's token have no place in a log."""
    assert "secret" not in repr(WireRequest("POST", "/v1", b"secret"))
