"""``aivideo demo`` as a newcomer meets it."""

from __future__ import annotations

import base64
import re
import signal
import subprocess
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from click.testing import CliRunner
from PIL import Image

from aivideo_async.cli.demo import demo
from aivideo_async.emulator import Emulator
from tests.cli.terminal import (
    COMMAND,
    ESCAPE,
    Ran,
    environment,
    plain,
    run,
    run_in_terminal,
)
from tests.pages import Page
from tests.running import run_block

FAST = ("--speed", "1000")
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo is run."""
    return tmp_path_factory.mktemp("shop")


@pytest.fixture(scope="module")
def ran(folder: Path) -> Ran:
    """Run it once without a terminal, where only ASCII can be written."""
    return run("demo", *FAST, folder=folder, **ASCII)


@pytest.fixture
def page(ran: Ran, folder: Path) -> Page:
    """Read the contact sheet."""
    return Page((folder / "aivideo-demo" / "index.html").read_text("utf-8"))


# --- what it leaves ---------------------------------------------------------------


def test_it_leaves_eleven_pictures_in_two_ratios(ran: Ran, folder: Path):
    """They are valid, named by their SKUs, and of the size that was asked for."""
    sizes = set()
    files = sorted((folder / "aivideo-demo" / "pictures").iterdir())
    for file in files:
        with Image.open(file) as image:
            image.load()
            sizes.add(image.size)
    assert (0, 11) == (ran.code, len(files))
    assert "MUG-RED.png" in {file.name for file in files}
    assert {(1024, 1024), (912, 1152)} >= sizes
    assert 2 == len(sizes)


def test_the_page_holds_everything_itself(page: Page):
    """Every picture is inlined and valid; nothing leads to a server."""
    sources = page.values("src")
    for source in sources:
        kind, _, content = source.partition(",")
        assert re.fullmatch("data:image/(jpeg|png);base64", kind)
        with Image.open(BytesIO(base64.b64decode(content))) as image:
            image.load()
    assert 11 == len(sources)
    assert "script" not in {tag for tag, _ in page.tags}
    assert not [link for link in page.values("href") if ":" in link]


def test_the_page_links_to_the_full_pictures(page: Page, folder: Path):
    """They lie beside it."""
    links = [folder / "aivideo-demo" / unquote(link) for link in page.values("href")]
    assert 11 == len(links)
    assert all(link.is_file() for link in links)


def test_the_page_tells_of_the_edit_the_failure_and_the_money(page: Page):
    """A picture is before and after, one is refunded, and the sums are there."""
    words = " ".join(page.text.split())
    assert "12 product shots" in words
    assert "Failed, refunded upstream_error: Generation failed" in words
    assert 1 == words.count(" before TOTE-TAN ") == words.count(" after TOTE-TAN-HALL ")
    assert "Spent 26.4 credits" in words
    assert "Charged once each Yes" in words
    assert "Made by the emulator; no picture was bought." in words


def test_it_touches_nothing_but_its_folder(ran: Ran, folder: Path):
    """Neither the home nor the folder it is run in."""
    assert [] == list((folder / "home").iterdir())
    assert {"aivideo-demo", "home"} == {path.name for path in folder.iterdir()}


# --- what it says -----------------------------------------------------------------


def test_stdout_has_the_sums_and_the_address_of_the_page(ran: Ran, folder: Path):
    """The address can be opened as it is."""
    (address,) = re.findall(r"^Page +(file:///\S+)$", ran.stdout, re.MULTILINE)
    assert (folder / "aivideo-demo" / "index.html") == Path(urlsplit(address).path)
    assert "26.4 credits: 28.8 charged, 2.4 refunded" in ran.stdout
    assert "charged once each: yes" in ran.stdout


def test_without_a_terminal_there_is_a_plain_line_for_each_shot(ran: Ran):
    """No escape code, no carriage return, and nothing on stdout but the result."""
    lines = ran.stderr.splitlines()
    assert not {"\x1b", "\r"} & {*ran.stdout, *ran.stderr}
    assert 13 == len(lines)
    assert 11 == sum("  ok     " in line for line in lines)
    assert 1 == sum("  failed " in line and "refunded" in line for line in lines)


@pytest.mark.slow
async def test_the_next_steps_work(
    ran: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """What is to be pasted runs; with a key it finds the service by itself."""
    monkeypatch.chdir(tmp_path)
    pasted = re.findall(r"and paste\n((?: {4}.*\n)+)", ran.stdout)
    assert 2 == len(pasted)
    async with Emulator(speed=1000) as emulator:
        monkeypatch.setenv("AIVIDEOAPI_BASE_URL", emulator.url)
        monkeypatch.setenv("AIVIDEOAPI_API_KEY", emulator.api_key)
        for block in pasted:
            source = re.sub("^    ", "", block, flags=re.MULTILINE)
            await run_block(source, path=Path("stdout"), line=0)
        assert 1 == len(emulator.ledger.charges)


@pytest.mark.slow
def test_a_terminal_shows_it_live(tmp_path: Path):
    """Within 80 columns; every shot keeps its line, and stdout stays plain."""
    ran = run_in_terminal("demo", *FAST, folder=tmp_path)
    lines = plain(ran.stderr)
    assert 0 == ran.code
    assert "12/12" in ran.stderr
    assert max(map(len, lines)) <= 80
    assert 11 == len({line for line in lines if line.startswith("ok ")})
    assert not ESCAPE.search(ran.stdout)


# --- where it stops ---------------------------------------------------------------


@pytest.fixture
def slow_demo(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a demo that takes a while."""
    with subprocess.Popen(
        [*COMMAND, "demo", "--speed", "10"],
        cwd=tmp_path,
        env=environment(tmp_path / "home"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


@pytest.mark.slow
def test_ctrl_c_stops_it_in_an_orderly_way(slow_demo: subprocess.Popen[str]):
    """Exit code 130, a last word, and no traceback."""
    assert slow_demo.stderr
    assert "12 product shots" in slow_demo.stderr.readline()
    assert "1/12" in slow_demo.stderr.readline()
    slow_demo.send_signal(signal.SIGINT)
    stdout, stderr = slow_demo.communicate()
    assert (130, "") == (slow_demo.returncode, stdout)
    assert stderr.endswith("Stopped.\n")
    assert "Traceback" not in stderr


def test_a_folder_with_other_files_is_refused(tmp_path: Path):
    """Exit code 2; nothing in it is touched."""
    (tmp_path / "index.html").write_text("mine")
    result = CliRunner().invoke(demo, [str(tmp_path), *FAST])
    assert 2 == result.exit_code
    assert "holds other files" in result.output
    assert [tmp_path / "index.html"] == list(tmp_path.iterdir())
    assert "mine" == (tmp_path / "index.html").read_text()


@pytest.mark.slow
def test_an_earlier_demo_is_replaced(tmp_path: Path):
    """What it did not make stays."""
    assert 0 == CliRunner().invoke(demo, [str(tmp_path), *FAST]).exit_code
    (tmp_path / "index.html").write_text("old")
    (tmp_path / "notes.txt").write_text("mine")
    assert 0 == CliRunner().invoke(demo, [str(tmp_path), *FAST]).exit_code
    assert "12 product shots" in (tmp_path / "index.html").read_text("utf-8")
    assert "mine" == (tmp_path / "notes.txt").read_text()


def test_a_folder_that_cannot_be_made_is_the_disk_s_fault(tmp_path: Path):
    """Exit code 8, and the reason."""
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(demo, [str(tmp_path / "file" / "demo"), *FAST])
    assert 8 == result.exit_code
    assert "cannot be written: Not a directory" in result.output


@pytest.mark.slow
def test_a_picture_that_cannot_be_saved_is_the_disk_s_fault(tmp_path: Path):
    """Exit code 8, and the reason."""
    shop = tmp_path / "shop"
    assert 0 == CliRunner().invoke(demo, [str(shop), *FAST]).exit_code
    (shop / "pictures").rename(tmp_path / "elsewhere")
    (shop / "pictures").write_text("")
    result = CliRunner().invoke(demo, [str(shop), *FAST])
    assert 8 == result.exit_code
    assert "could not be saved" in result.output
