"""The key shows itself to nobody but ``reveal``."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from aivideo_async.transport.secret import Secret
from tests.wire.secrecy import KEY


@pytest.fixture
def secret() -> Secret:
    """Return the key of these tests, wrapped."""
    return Secret(KEY)


def test_it_is_revealed_on_demand(secret: Secret):
    """The one way to its text."""
    assert secret.reveal() == KEY


def test_it_is_never_printed(secret: Secret):
    """Neither by str, repr and format nor among the locals of a traceback."""
    for text in (
        str(secret),
        repr(secret),
        f"{secret}",
        f"{[secret]!r}",
        "{}".format(secret),  # noqa: UP032
    ):
        assert KEY not in text
    assert "Secret('***')" == repr(secret)


def test_it_is_never_pickled_copied_or_dumped(secret: Secret):
    """No way leads it into a file by accident."""
    for leave in (pickle.dumps, copy.copy, copy.deepcopy, json.dumps):
        with pytest.raises(TypeError):
            leave(secret)


def test_it_has_no_attributes_to_look_at(secret: Secret):
    """``vars`` finds nothing."""
    with pytest.raises(TypeError):
        vars(secret)


def test_it_is_blotted_out_wherever_it_stands(secret: Secret):
    """All occurrences, in text and bytes; the rest stays as it is."""
    assert "a *** b ***" == secret.redact(f"a {KEY} b {KEY}")
    assert b"a *** b" == secret.redact_bytes(f"a {KEY} b".encode())
    assert "nothing" == secret.redact("nothing")
    assert b"nothing" == secret.redact_bytes(b"nothing")


@pytest.mark.parametrize(
    ("text", "blank", "safe"),
    [
        ("sk-abc", False, True),
        ("", True, True),
        (" \t", True, False),
        ("sk-a b", False, False),
        ("sk-abc\n", False, False),
        ("sk-abc\r\nHost: evil", False, False),
        ("sk-schlüssel", False, False),
        ("sk-\ud800", False, False),
        ("sk-\x7f", False, False),
    ],
)
def test_it_knows_whether_it_can_be_a_key(text: str, blank: bool, safe: bool):
    """Blanks, line ends and other alphabets do not fit a header."""
    secret = Secret(text)
    assert (blank, safe) == (secret.is_blank(), secret.is_header_safe())
