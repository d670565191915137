"""Addresses that only we can make, and that tell nothing of the secret."""

from __future__ import annotations

import pickle
import traceback

import pytest
from hypothesis import given, strategies

from aivideo_async import ConfigurationError
from aivideo_async.callbacks import CallbackReceiver
from aivideo_async.callbacks.address import Addresses
from tests.callbacks.doors import SECRET, Desk

URL = "https://shop.example/hooks"


def token_of(addresses: Addresses) -> str:
    """Make an address and return its end."""
    return addresses.fresh().removeprefix(f"{URL}/")


def test_every_address_is_fresh():
    """A hundred requests, a hundred addresses, all below the URL and all known."""
    addresses = Addresses(URL, SECRET)
    tokens = {token_of(addresses) for _ in range(100)}
    assert 100 == len(tokens)
    assert all(addresses.knows(token) for token in tokens)
    assert all("/" not in token for token in tokens)


def test_an_address_can_be_made_again_from_its_end():
    """So the receiver can say which address was called, behind any proxy."""
    addresses = Addresses(URL + "/", SECRET)
    address = addresses.fresh()
    assert address == addresses.of(address.rpartition("/")[2])


@given(strategies.data())
def test_no_altered_token_is_known(data: strategies.DataObject):
    """One character less, more or other, and it is a stranger's."""
    addresses = Addresses(URL, SECRET)
    token = token_of(addresses)
    at = data.draw(strategies.integers(0, len(token) - 1))
    # The last of 22 characters of base64 carries spare bits, which are compared too.
    other = data.draw(strategies.characters().filter(lambda sign: sign != token[at]))
    assert not addresses.knows(token[:at] + other + token[at + 1 :])
    assert not addresses.knows(token[:at] + token[at + 1 :])
    assert not addresses.knows(token[:at] + other + token[at:])


@given(strategies.text())
def test_no_text_breaks_the_check(token: str):
    """Whatever stands in a path, the answer is no."""
    assert not Addresses(URL, SECRET).knows(token)


@pytest.mark.parametrize("secret", ["", "k" * 21, None, b"k" * 32], ids=repr)
def test_a_secret_that_could_be_guessed_is_refused(secret: str):
    """The error says how to make one, and does not repeat what was passed."""
    with pytest.raises(ConfigurationError, match="token_urlsafe") as caught:
        Addresses(URL, secret)
    assert not secret or str(secret) not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "shop.example/hooks",
        "/hooks",
        "ftp://shop.example",
        URL + "?a=1",
        URL + "#a",
    ],
)
def test_a_url_that_cannot_be_called_is_refused(url: str):
    """The address is made by adding to it, so it has no query either."""
    with pytest.raises(ConfigurationError, match="url="):
        Addresses(url, SECRET)


def test_a_secret_of_any_text_will_do():
    """Also of bytes that the environment could not read."""
    addresses = Addresses(URL, "\udcff" * 22)
    assert addresses.knows(token_of(addresses))


def test_nothing_shows_the_secret():
    """No repr, no attribute, no address, no pickle, no traceback with its locals."""
    receiver = CallbackReceiver(Desk(), url=URL, secret=SECRET)
    with pytest.raises(ConfigurationError) as caught:
        Addresses("nowhere", SECRET)
    told = traceback.TracebackException.from_exception(
        caught.value, capture_locals=True
    )
    ours = [line for line in told.format() if "address.py" in line]
    addresses = receiver._addresses
    shown = [repr(receiver), receiver.url_for(), repr(vars(receiver)), *ours]
    assert ours
    assert SECRET not in repr([*shown, vars(addresses)])
    with pytest.raises(TypeError):
        pickle.dumps(addresses)
