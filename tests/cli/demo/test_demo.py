"""``aivideo demo`` as a newcomer meets it."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import pytest
from click.testing import CliRunner
from PIL import Image

from aivideo_async.cli.demo import demo
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
    return Page((folder / "aivideo-demo" / "report.html").read_text("utf-8"))


# --- what it leaves ---------------------------------------------------------------


def test_it_leaves_eleven_pictures_in_two_ratios(ran: Ran, folder: Path):
    """They are valid, named by their SKUs, and of the size that was asked for."""
    sizes = set()
    images = folder / "aivideo-demo" / "images"
    files = [file for file in images.rglob("*") if file.is_file()]
    for file in files:
        with Image.open(file) as image:
            image.load()
            sizes.add(image.size)
    assert (0, 11) == (ran.code, len(files))
    assert images / "MUG-RED.png" in files
    assert {(1024, 1024), (912, 1152)} >= sizes
    assert 2 == len(sizes)


def test_the_page_shows_each_picture_and_runs_nothing(page: Page, folder: Path):
    """They lie beside it."""
    shown = [folder / "aivideo-demo" / source for source in page.values("src")]
    assert 11 == len(shown)
    assert all(picture.is_file() for picture in shown)
    assert "script" not in {tag for tag, _ in page.tags}


def test_the_page_tells_of_the_edit_the_failure_and_the_money(page: Page):
    """That no picture was bought, too."""
    words = " ".join(page.text.split())
    assert "12 product shots" in words
    assert "Failed, refunded upstream_error: Generation failed" in words
    assert "The same tan leather tote bag" in words
    assert "Spent $0.132 26.4 credits" in words
    assert "no picture was bought" in words


def test_the_manifest_has_all_twelve(ran: Ran, folder: Path):
    """The edit was bought from the second sheet, and nothing was bought twice."""
    text = (folder / "aivideo-demo" / "manifest.jsonl").read_text("utf-8")
    entries = [json.loads(line) for line in text.splitlines()]
    sheet = (folder / "aivideo-demo" / "edits.csv").read_text("utf-8")
    (tote,) = [entry for entry in entries if entry["key"] == "TOTE-TAN"]
    assert 12 == len(entries)
    assert {1} == {entry["attempts"] for entry in entries}
    assert tote["url"] in sheet


def test_the_first_sheet_needs_no_picture_of_the_emulator(ran: Ran, folder: Path):
    """So it can be run with a key as it is."""
    sheet = (folder / "aivideo-demo" / "products.csv").read_text("utf-8")
    assert 12 == len(sheet.splitlines())
    assert "http" not in sheet


def test_it_touches_nothing_but_its_folder(ran: Ran, folder: Path):
    """Neither the home nor the folder it is run in."""
    assert [] == list((folder / "home").iterdir())
    assert {"aivideo-demo", "home"} == {path.name for path in folder.iterdir()}


# --- what it says -----------------------------------------------------------------


def test_stdout_has_the_sums_and_the_address_of_the_page(ran: Ran, folder: Path):
    """The address can be opened as it is."""
    (address,) = re.findall(r"^Page +(file:///\S+)$", ran.stdout, re.MULTILINE)
    assert (folder / "aivideo-demo" / "report.html") == Path(urlsplit(address).path)
    assert "26.4 credits: 28.8 charged, 2.4 refunded" in ran.stdout
    assert "charged once each: yes" in ran.stdout


def test_without_a_terminal_there_is_a_plain_line_for_each_shot(ran: Ran):
    """And for each sheet; no escape code, no carriage return."""
    lines = ran.stderr.splitlines()
    assert not {"\x1b", "\r"} & {*ran.stdout, *ran.stderr}
    assert 15 == len(lines)
    assert "products.csv: 11 pictures, 11 to buy for 26.4 credits" in lines
    assert "edits.csv: 12 pictures, 1 to buy for 2.4 credits" in lines
    assert 11 == sum("  ok     " in line for line in lines)
    assert 1 == sum("  failed " in line and "refunded" in line for line in lines)


def test_the_next_steps_fit_a_terminal(ran: Ran):
    """They can be copied whole."""
    _, _, steps = ran.stdout.partition("\nNext\n")
    assert 2 == len(re.findall(r"^    \S*aivideo (?:status|run) ", steps, re.MULTILINE))


def test_the_run_can_be_looked_at_afterwards(ran: Ran, folder: Path):
    """With the command that it names."""
    (words,) = re.findall(r"^    \S*aivideo (status .*)$", ran.stdout, re.MULTILINE)
    looked = run("--quiet", *shlex.split(words), folder=folder)
    assert (0, "") == (looked.code, looked.stderr)
    assert "Pictures  11 of 12: 1 failed" in looked.stdout


async def test_what_is_to_be_pasted_runs(
    ran: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """As it stands there."""
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"and paste\n((?: {4}.*\n)+)", ran.stdout)
    source = re.sub("^    ", "", block, flags=re.MULTILINE)
    await run_block(source, path=Path("stdout"), line=0)
    assert 1 == len([path async for path in anyio.Path(tmp_path).glob("*.png")])


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
    assert "11 to buy" in slow_demo.stderr.readline()
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
    (tmp_path / "report.html").write_text("old")
    (tmp_path / "notes.txt").write_text("mine")
    assert 0 == CliRunner().invoke(demo, [str(tmp_path), *FAST]).exit_code
    assert "12 product shots" in (tmp_path / "report.html").read_text("utf-8")
    assert "mine" == (tmp_path / "notes.txt").read_text()


def test_two_demos_do_not_share_a_folder(
    slow_demo: subprocess.Popen[str], tmp_path: Path
):
    """Exit code 2; the first one goes on undisturbed."""
    assert slow_demo.stderr
    assert "12 product shots" in slow_demo.stderr.readline()
    assert "11 to buy" in slow_demo.stderr.readline()
    result = CliRunner().invoke(demo, [str(tmp_path / "aivideo-demo"), *FAST])
    assert 2 == result.exit_code
    assert "is in use by another demo" in result.output
    slow_demo.communicate()
    assert 0 == slow_demo.returncode


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
    (shop / "images").rename(tmp_path / "elsewhere")
    (shop / "images").write_text("")
    result = CliRunner().invoke(demo, [str(shop), *FAST])
    assert 8 == result.exit_code
    assert "could not be saved" in result.output
