"""``aivideo doctor``: what is wrong, and what to do about it; it spends nothing."""

from __future__ import annotations

import asyncio
import socket
import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from aivideo_async.cli.doctor import machine
from aivideo_async.cli.doctor.findings import Finding
from aivideo_async.cli.doctor.network import compared, taken
from aivideo_async.emulator import Emulator
from tests.cli.conftest import Aivideo, Said, point_at
from tests.warp import warped


def level(said: Said, name: str) -> str:
    """Return how the check of that *name* ended."""
    (found,) = [line for line in said.lines if line[9:].startswith(f"{name} ")]
    return found.split()[0]


async def test_all_is_well(aivideo: Aivideo, emulator: Emulator):
    """A line for each check; nothing is bought, and the key is not shown."""
    said = await aivideo("doctor")
    assert (0, "Ready.\n") == (said.code, said.stderr)
    assert {"ok"} == {line.split()[0] for line in said.lines}
    assert "ok       Account  10,000 credits ($50.00)" in said.lines
    assert "ok       Key      from AIVIDEOAPI_API_KEY, starts with sk-" in said.lines
    assert [] == emulator.ledger.charges
    assert emulator.api_key not in said.stdout
    assert max(map(len, said.lines)) <= 80


async def test_the_api_is_asked_once(aivideo: Aivideo, emulator: Emulator):
    """For the balance; the look at the clock asks for nothing of the API's."""
    await aivideo("doctor")
    (asked,) = emulator.requests
    assert ("GET", "/v1/credits") == (asked.method, asked.path)


async def test_programs_get_a_record_for_each_check(
    aivideo: Aivideo, emulator: Emulator
):
    """And the exit code in the last one."""
    *checks, summary = (await aivideo("doctor", "--json")).records
    assert {"check"} == {check["type"] for check in checks}
    assert {"Key", "Address", "TCP", "Account"} < {check["name"] for check in checks}
    assert {"type": "summary", "exit": 0} == summary


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (None, "none in the environment"),
        ("my secret key", "holds blanks"),
        ("pk-1234", "does not start with sk-"),
    ],
    ids=["none", "blanks", "another shape"],
)
async def test_a_key_that_cannot_be_one(
    key: str | None,
    text: str,
    aivideo: Aivideo,
    emulator: Emulator,
    monkeypatch: pytest.MonkeyPatch,
):
    """Exit code 4; it is not shown, and not sent."""
    monkeypatch.delenv("AIVIDEOAPI_API_KEY")
    if key is not None:
        monkeypatch.setenv("AIVIDEOAPI_API_KEY", key)
    said = await aivideo("doctor")
    assert (4, "problem") == (said.code, level(said, "Key"))
    assert text in said.stdout
    assert key is None or key not in said.stdout + said.stderr
    assert [] == emulator.requests


async def test_a_key_that_is_refused(
    aivideo: Aivideo, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
):
    """Exit code 4, with what the API says and the remedy."""
    monkeypatch.setenv("AIVIDEOAPI_API_KEY", "sk-wrong-key-of-mine")
    said = await aivideo("doctor")
    assert (4, "problem") == (said.code, level(said, "Account"))
    assert "API key is invalid, disabled, or deleted" in said.stdout
    assert "-> Nothing was charged; check the key" in said.stdout
    assert "sk-wrong" not in said.stdout


async def test_two_keys_that_differ(
    aivideo: Aivideo, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
):
    """A warning: it works, with the first of them."""
    monkeypatch.setenv("AIVIDEOAPI_KEY", "sk-another")
    said = await aivideo("doctor")
    assert (0, "warning") == (said.code, level(said, "Key"))
    assert "AIVIDEOAPI_API_KEY is used; AIVIDEOAPI_KEY differ" in said.stdout


async def test_the_service_with_the_similar_name(
    aivideo: Aivideo, monkeypatch: pytest.MonkeyPatch
):
    """Exit code 4; the key never goes there."""
    monkeypatch.setenv("AIVIDEOAPI_API_KEY", "sk-mine")
    monkeypatch.setenv("HTTPS_PROXY", "http://u:secret@127.0.0.1:9")  # no real look-up
    said = await aivideo("doctor", "--base-url", "https://api.aivideoapi.com/v1")
    assert (4, "problem") == (said.code, level(said, "Address"))
    assert "another service with a similar name" in said.stdout
    assert "Account" not in said.stdout
    assert "ok       Proxy    http://127.0.0.1:9, by the environment" in said.lines
    assert "secret" not in said.stdout


async def test_an_address_that_would_leak_the_key(
    aivideo: Aivideo, monkeypatch: pytest.MonkeyPatch
):
    """Exit code 4; no network is touched."""
    monkeypatch.setenv("AIVIDEOAPI_API_KEY", "sk-mine")
    said = await aivideo("doctor", "--base-url", "http://example.com")
    assert (4, "problem") == (said.code, level(said, "Address"))
    assert "would send the key unencrypted" in said.stdout


async def test_nobody_listens(aivideo: Aivideo, monkeypatch: pytest.MonkeyPatch):
    """Exit code 6, at the step where it ends."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        monkeypatch.setenv("AIVIDEOAPI_BASE_URL", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("AIVIDEOAPI_API_KEY", "sk-mine")
        said = await aivideo("doctor")
    assert (6, "ok", "problem") == (said.code, level(said, "DNS"), level(said, "TCP"))
    assert "-> check the network and the firewall" in said.stdout
    assert "Not ready; see above." in said.stderr


async def test_a_certificate_that_nobody_vouches_for(
    aivideo: Aivideo, monkeypatch: pytest.MonkeyPatch
):
    """Exit code 6: somebody may be in between, so the key stays here."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    heard: list[bytes] = []

    async def listen(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        heard.append(await reader.read())
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    monkeypatch.setenv("AIVIDEOAPI_API_KEY", "sk-mine")
    said = await aivideo("doctor", "--base-url", f"https://127.0.0.1:{port}")
    server.close()
    assert (6, "ok", "problem") == (said.code, level(said, "TCP"), level(said, "TLS"))
    assert "who is in between" in said.stdout
    assert [] == heard


@warped
async def test_a_step_without_an_answer_ends():
    """After ten seconds it is a problem, with its remedy."""

    async def step() -> Finding:
        await asyncio.sleep(3600)
        raise AssertionError

    found = await taken("TCP", step)
    assert ("problem", "no answer within 10 s") == (found.level, found.text)
    assert 10 == asyncio.get_running_loop().time()


async def test_a_machine_that_is_short_of_something(
    aivideo: Aivideo, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
):
    """Warnings with what to do; it works all the same."""
    monkeypatch.setattr(machine, "LITTLE_SPACE", 1 << 60)
    monkeypatch.setattr(machine, "FEW_FILES", 1 << 60)
    said = await aivideo("doctor")
    assert (0, "warning", "warning") == (
        said.code,
        level(said, "Disk"),
        level(said, "Files"),
    )
    assert "-> for many pictures at once: ulimit -n 1024" in said.stdout


async def test_an_empty_balance(aivideo: Aivideo, monkeypatch: pytest.MonkeyPatch):
    """Exit code 5."""
    async with Emulator(balance=0) as emulator:
        point_at(emulator, monkeypatch)
        said = await aivideo("doctor")
    assert (5, "problem") == (said.code, level(said, "Account"))
    assert "-> top up in the dashboard, Billing" in said.stdout


async def test_the_key_file_is_checked_too(
    aivideo: Aivideo, emulator: Emulator, tmp_path: Path
):
    """It is used instead of the environment."""
    (tmp_path / "key").write_text("")
    said = await aivideo("doctor", "--api-key-file", "key")
    assert (4, "problem") == (said.code, level(said, "Key"))


NOON = datetime(2026, 4, 5, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("date", "level", "text"),
    [
        ("Sun, 05 Apr 2026 12:00:10 GMT", "ok", "within 10 s"),
        ("Sun, 05 Apr 2026 11:00:00 GMT", "warning", "3,600 s ahead of"),
        ("Sun, 05 Apr 2026 12:01:00 GMT", "warning", "60 s behind"),
        ("yesterday", "ok", "no time to compare with"),
    ],
    ids=["near", "ahead", "behind", "nonsense"],
)
def test_the_clock_is_compared(date: str, level: str, text: str):
    """With the Date header of the service, to half a minute."""
    found = compared(f"HTTP/1.1 404 No\r\nDate: {date}\r\n\r\n".encode(), NOON)
    assert level == found.level
    assert text in found.text
