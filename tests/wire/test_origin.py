"""Where the key may go, and by which proxy."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given, strategies as st
from yarl import URL

from aivideo_async import AsyncClient, ConfigurationError
from aivideo_async.transport.origin import (
    is_loopback,
    proxy_for,
    read_base_url,
    read_proxy,
)
from tests.wire.secrecy import KEY

API = URL("https://api.aivideoapi.ai")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://api.aivideoapi.ai", "https://api.aivideoapi.ai"),
        ("https://api.aivideoapi.ai/", "https://api.aivideoapi.ai"),
        ("https://api.aivideoapi.ai/v1", "https://api.aivideoapi.ai"),
        ("https://api.aivideoapi.ai/v1/", "https://api.aivideoapi.ai"),
        ("  https://api.aivideoapi.ai/v1\n", "https://api.aivideoapi.ai"),
        ("HTTPS://API.AIVIDEOAPI.AI:443/v1", "https://api.aivideoapi.ai"),
        ("https://gateway.example:8443/ai/v1", "https://gateway.example:8443/ai"),
        ("https://gateway.example/a%2Fb/v1", "https://gateway.example/a%2Fb"),
        ("https://gateway.example/v11", "https://gateway.example/v11"),
        ("http://localhost:8000/v1", "http://localhost:8000"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://127.9.9.9", "http://127.9.9.9"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_an_address_is_read_with_or_without_v1(text: str, expected: str):
    """What remains is the origin, and a gateway's own path."""
    assert expected == str(read_base_url(text)).rstrip("/")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "api.aivideoapi.ai",
        "/v1",
        "//api.aivideoapi.ai",
        "https://",
        "https:///v1",
        "https://[::1",
        "https://api.aivideoapi.ai:port",
        "ftp://api.aivideoapi.ai",
        "file:///etc/passwd",
        "http://api.aivideoapi.ai",
        "http://192.168.1.1",
        "http://10.0.0.1",
        "http://0.0.0.0",
        "http://localhost.example",
        "http://127.0.0.1.example",
        "http://[::]",
        "http://[::ffff:8.8.8.8]",
        "https://user@api.aivideoapi.ai",
        "https://user:password@api.aivideoapi.ai",
        "https://:password@api.aivideoapi.ai",
        "https://api.aivideoapi.ai/?a=b",
        "https://api.aivideoapi.ai/#top",
    ],
)
def test_an_address_that_would_leak_the_key_is_refused(text: str):
    """No plain http to others, no user info, no query, nothing relative."""
    with pytest.raises(ConfigurationError):
        read_base_url(text)


@pytest.mark.parametrize(
    "text", [f"https://user:{KEY}@api.example", f"https://api.example/?key={KEY}"]
)
def test_a_refused_address_is_not_quoted_with_its_secrets(text: str):
    """A key that was put into the address by mistake is not printed."""
    with pytest.raises(ConfigurationError) as caught:
        read_base_url(text)
    assert KEY not in str(caught.value)


@given(st.text())
def test_any_text_is_an_address_or_a_configuration_error(text: str):
    """Nothing else is raised; and what is read is https, or on this machine."""
    try:
        url = read_base_url(text)
    except ConfigurationError:
        return
    assert "https" == url.scheme or is_loopback(url)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://localhost", True),
        ("http://127.0.0.1", True),
        ("http://[::1]", True),
        ("http://localhost.", False),
        ("http://example.org", False),
        ("http://128.0.0.1", False),
        ("/path", False),
    ],
)
def test_this_machine_is_known_by_its_names(text: str, expected: bool):
    """Literal addresses and ``localhost``, nothing that DNS could bend."""
    assert expected is is_loopback(URL(text))


def test_the_address_is_checked_when_the_client_is_made():
    """A bad one never gets as far as a request."""
    with pytest.raises(ConfigurationError):
        AsyncClient(KEY, base_url="http://api.example")


def test_the_environment_names_the_proxy(monkeypatch: pytest.MonkeyPatch):
    """The one for the scheme, else the one for all."""
    monkeypatch.setenv("ALL_PROXY", "http://all.example:1")
    assert URL("http://all.example:1") == proxy_for(API)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    assert URL("http://proxy.example:3128") == proxy_for(API)


def test_a_proxy_without_a_scheme_is_http(monkeypatch: pytest.MonkeyPatch):
    """As other tools read it."""
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example:3128")
    assert URL("http://proxy.example:3128") == proxy_for(API)


def test_no_proxy_without_a_word():
    """An empty environment names none."""
    assert proxy_for(API) is None


@pytest.mark.parametrize("url", ["http://localhost:8000", "https://127.0.0.1"])
def test_no_proxy_to_this_machine(url: str, monkeypatch: pytest.MonkeyPatch):
    """Whatever the environment says."""
    monkeypatch.setenv("ALL_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    assert proxy_for(URL(url)) is None


def test_no_proxy_where_the_environment_says_so(monkeypatch: pytest.MonkeyPatch):
    """``NO_PROXY`` is obeyed."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", ".aivideoapi.ai")
    assert proxy_for(API) is None
    assert proxy_for(URL("https://other.example")) is not None


@pytest.mark.parametrize(
    "text", ["socks5://user:hush@proxy.example:1080", "http://", "http://[::1"]
)
def test_a_proxy_of_the_environment_that_cannot_work(
    text: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """It is left out with a warning that does not show its password."""
    caplog.set_level(logging.WARNING)
    monkeypatch.setenv("HTTPS_PROXY", text)
    assert proxy_for(API) is None
    assert "proxy" in caplog.text
    assert "hush" not in caplog.text


@pytest.mark.parametrize(
    "text", ["", "proxy.example:3128", "socks5://a:hush@proxy.example", "http://[::1"]
)
def test_a_proxy_that_was_passed_must_work(text: str):
    """A mistake of the program is an error, which does not show the password."""
    with pytest.raises(ConfigurationError) as caught:
        read_proxy(text)
    assert "hush" not in str(caught.value)


def test_a_proxy_may_have_a_user_and_speak_tls():
    """Both reach the proxy alone."""
    assert URL("https://u:p@proxy.example:8") == read_proxy(
        "https://u:p@proxy.example:8"
    )
