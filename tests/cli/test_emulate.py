"""``aivideo emulate``: a server for any program, that tells how the money stood."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from aivideo_async import AsyncClient, GptImage2
from aivideo_async.emulator import SCENARIOS
from tests.cli.conftest import Aivideo
from tests.cli.terminal import COMMAND, environment
from tests.emulator.test_seed import REQUESTS


@contextmanager
def emulating(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Start it on some free port."""
    with subprocess.Popen(
        [*COMMAND, "emulate", "--port", "0", *arguments],
        cwd=folder,
        env=environment(folder / "home"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


def banner(process: subprocess.Popen[str]) -> str:
    """Read what it says first."""
    assert process.stdout
    return "".join(process.stdout.readline() for _ in range(5))


async def buy(banner: str, *prompts: str) -> None:
    """Do what the banner says, and buy."""
    exported = dict(re.findall("export ([A-Z_]+)=(.*)", banner))
    async with AsyncClient(
        exported["AIVIDEOAPI_API_KEY"], base_url=exported["AIVIDEOAPI_BASE_URL"]
    ) as client:
        for prompt in prompts:
            await client.submit(GptImage2(prompt))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_serves_what_its_banner_says(tmp_path: Path, number: signal.Signals):
    """A signal is how it ends: exit code 0, and the account."""
    with emulating(tmp_path, "--balance", "100", "--speed", "50") as process:
        said = banner(process)
        await buy(said, "a", "b")
        process.send_signal(number)
        stdout, stderr = process.communicate()
    assert "scenario steady, speed 50x, seed 1, 100 credits" in said
    assert (0, "") == (process.returncode, stderr)
    assert "2 requests, 2 tasks: 4.8 credits ($0.024) charged, 0 refunded" in stdout
    assert "Charged once each: yes" in stdout


CREATE = """\
curl -s -X POST {url}/v1/images/generations \\
  -H "Authorization: Bearer {key}" \\
  -H "Content-Type: application/json" \\
  -d '{body}'
"""
QUERY = """\
curl -s {url}/v1/tasks/{task_id} \\
  -H "Authorization: Bearer {key}"
"""
"""The commands on the service's own page; only the address and the key are ours."""


def shell(command: str) -> Any:
    """Run *command* and read the JSON that it prints."""
    done = subprocess.run(
        ["/bin/sh", "-c", command], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_commands_of_the_services_page_work_on_it(tmp_path: Path):
    """All four, and the query of each task until it is completed."""
    with emulating(tmp_path, "--speed", "1000") as process:
        at = dict(
            re.findall("export AIVIDEOAPI_(BASE_URL|API_KEY)=(.*)", banner(process))
        )
        url, key = at["BASE_URL"], at["API_KEY"]
        for body in REQUESTS.values():
            reply = shell(CREATE.format(url=url, key=key, body=body))
            assert (200, "success") == (reply["code"], reply["msg"])
            query = QUERY.format(url=url, key=key, task_id=reply["data"]["taskId"])
            while (task := shell(query))["status"] in ("pending", "processing"):
                continue
            assert "completed" == task["status"]
            assert task["output"]["urls"]
        process.send_signal(signal.SIGINT)
        stdout, _ = process.communicate()
    assert "14.4 credits ($0.072) charged" in stdout
    assert 0 == process.returncode


@pytest.mark.slow
async def test_a_double_charge_is_told(tmp_path: Path):
    """Exit code 3: a build that pays twice fails."""
    with emulating(tmp_path, "--json") as process:
        assert process.stdout
        record = process.stdout.readline()
        url = re.findall('"url": "([^"]+)"', record)[0]
        await buy(
            f"export AIVIDEOAPI_BASE_URL={url}\nexport AIVIDEOAPI_API_KEY=sk-emulator",
            *("a", "a"),
        )
        process.send_signal(signal.SIGINT)
        stdout, _ = process.communicate()
    assert 3 == process.returncode
    assert '"tasks": 2, "charged": 4.8' in stdout
    assert re.search(r'"double_charges": \["[0-9a-f-]{36}"\], "exit": 3}$', stdout)


def taken_port() -> socket.socket:
    """Listen on a port of this machine."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    return listener


async def test_a_port_that_was_asked_for_and_is_taken_is_an_error(aivideo: Aivideo):
    """Exit code 2."""
    with taken_port() as listener:
        port = listener.getsockname()[1]
        said = await aivideo("emulate", "--port", port)
    assert (2, "") == (said.code, said.stdout)
    assert f"Port {port}: another program listens there." in said.stderr


@pytest.mark.slow
def test_the_usual_port_may_be_taken(tmp_path: Path):
    """It says so and uses a free one."""
    with taken_port() as listener:
        port = listener.getsockname()[1]
        source = (
            "from aivideo_async.cli import main\n"
            "from aivideo_async.cli.emulate import ports\n"
            f"ports.PORT = {port}\n"
            "main()\n"
        )
        with subprocess.Popen(
            [*COMMAND[:3], "-c", source, "emulate"],
            env=environment(tmp_path / "home"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            said = banner(process)
            process.send_signal(signal.SIGINT)
            _, stderr = process.communicate()
    assert 0 == process.returncode
    assert f":{port}" not in said
    assert f"Warning: port {port}: another program listens there" in stderr


async def test_it_lists_the_scenarios(aivideo: Aivideo):
    """With what each does, within 80 columns."""
    said = await aivideo("emulate", "--scenario", "list")
    names = [line.split()[0] for line in said.lines if not line.startswith(" ")]
    assert [*SCENARIOS] == names
    assert max(map(len, said.lines)) < 80
    assert SCENARIOS["stuck"].about in said.stdout


async def test_an_unknown_scenario_names_those_there_are(aivideo: Aivideo):
    """Exit code 2."""
    said = await aivideo("emulate", "--scenario", "steddy", "--port", "0")
    assert 2 == said.code
    assert "No scenario 'steddy'. Known: steady," in said.stderr
