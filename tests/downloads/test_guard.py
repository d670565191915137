"""Where a result may be fetched from."""

from __future__ import annotations

import socket
from ipaddress import ip_address

import pytest
from yarl import URL

from aivideo_async.downloads.guard import (
    is_public,
    loopback_origin,
    loopback_socket,
    public_socket,
    refusal,
)

OWN = URL("http://127.0.0.1:8080")


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::8.8.8.8",
        "2001:0:7f00:1::",
        "2001:db8::1",
        "2002:7f00:1::",
        "fc00::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff0e::1",
    ],
)
def test_private_addresses_are_not_public(address):
    """Neither plain nor wrapped in IPv6 does a private address pass."""
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::", "2606:4700::1"],
)
def test_public_addresses_are_public(address):
    """What lies in the internet may be reached, also through a translation."""
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "http://files.example/a.png",
        "ftp://files.example/a.png",
        "data:image/png;base64,AAAA",
        "//files.example/a.png",
        "a.png",
        "",
        "https:///a.png",
        "https://user@files.example/a.png",
        "https://user:password@files.example/a.png",
        "https://:password@files.example/a.png",
        "https://127.0.0.1/a.png",
        "https://127.1/a.png",
        "https://127.0.0.1./a.png",
        "https://2130706433/a.png",
        "https://0x7f000001/a.png",
        "https://0177.0.0.1/a.png",
        "https://0.0.0.0/a.png",
        "https://[::1]/a.png",
        "https://[::ffff:127.0.0.1]/a.png",
        "https://169.254.169.254/latest/meta-data",
        "https://localhost/a.png",
        "https://LOCALHOST./a.png",
        "https://api.localhost/a.png",
        "https://metadata.google.internal/a.png",
        "https://printer.local/a.png",
        "https://intranet/a.png",
        "https://127.0.0.1:8080/a.png",
        "http://127.0.0.1:8081/a.png",
        "http://localhost:8080/a.png",
        "http://user@127.0.0.1:8080/a.png",
    ],
)
def test_urls_that_are_not_public_https_are_refused(url):
    """Only public https passes, and nothing that merely resembles the own origin."""
    assert refusal(URL(url), OWN)


@pytest.mark.parametrize(
    "url",
    [
        "https://files.example/a.png?signature=1",
        "https://files.example:8443/a.png",
        "https://8.8.8.8/a.png",
        "http://127.0.0.1:8080/files/a.png",
    ],
)
def test_public_https_and_the_own_loopback_origin_pass(url):
    """Any public host serves results, and the emulator its own."""
    assert refusal(URL(url), OWN) is None


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("https://api.example/v1", None),
        ("https://10.0.0.1", None),
        ("/v1", None),
    ],
)
def test_only_a_loopback_api_is_an_exception(url, origin):
    """A private gateway in front of the API opens no door into its network."""
    assert (URL(origin) if origin else None) == loopback_origin(URL(url))


@pytest.mark.parametrize(
    ("factory", "refused", "allowed"),
    [
        pytest.param(public_socket, "127.0.0.1", "8.8.8.8", id="public"),
        pytest.param(loopback_socket, "8.8.8.8", "127.0.0.1", id="loopback"),
    ],
)
def test_sockets_open_only_towards_what_they_are_for(factory, refused, allowed):
    """The address is checked before there is a socket."""
    with pytest.raises(PermissionError, match=refused):
        factory((socket.AF_INET, socket.SOCK_STREAM, 0, "", (refused, 443)))
    factory((socket.AF_INET, socket.SOCK_STREAM, 0, "", (allowed, 443))).close()
