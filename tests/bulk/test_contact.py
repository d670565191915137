"""The contact sheet: money on top, every picture below, and no text can do anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from aivideo_async.bulk.contact import PER_PAGE, NextStep, Summary, write_report
from aivideo_async.bulk.folder import RunFolder
from aivideo_async.bulk.manifest import Entry, Status
from aivideo_async.cli import money as cli_money
from aivideo_async.models import money
from tests.pages import CORPUS, Page

MADE = Entry(
    key="MUG",
    sku="MUG",
    variant=1,
    status=Status.OK,
    file="images/MUG.png",
    prompt="a red mug",
    aspect_ratio="1:1",
    resolution="1k",
    credits=Decimal("2.4"),
)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A folder that exists."""
    return RunFolder(tmp_path)


def entry(status: Status, **about: Any) -> Entry:
    """Return an entry without a picture."""
    return Entry(key="A", sku="A", variant=1, status=status, **about)


def summary_of(entries: Iterable[Entry], **about: Any) -> Summary:
    """Count *entries*."""
    counts = Counter(entry.status for entry in entries)
    summary = Summary(
        title="spring", counts=counts, spent=Decimal("2.4"), prices="2026-04"
    )
    return evolve(summary, **about)


def page_of(folder: RunFolder, *entries: Entry, **about: Any) -> Page:
    """Write and read a report of one page."""
    write_report(folder, summary_of(entries, **about), entries)
    return Page(folder.report().read_text("utf-8"))


@pytest.mark.parametrize("text", CORPUS)
def test_no_text_changes_the_page_s_structure(text: str, folder: RunFolder):
    """Hostile texts are shown as they are, where a harmless one would stand."""

    def page(word: str) -> Page:
        made = evolve(
            MADE, key=word, prompt=word, aspect_ratio=word, resolution=word, file=word
        )
        lost = evolve(
            made, status=Status.FAILED, error_code=word, error_message=word, file=None
        )
        steps = (NextStep(word, word),)
        return page_of(folder, made, lost, title=word, prices=word, steps=steps)

    assert page("harmless").shape == page(text).shape
    assert page(text).text.count(text) >= 10
    assert text in page(text).values("alt")


@pytest.mark.parametrize(
    "file", ["javascript:alert(1)", "//evil.example/x.png", "images/50 %?#.png"]
)
def test_a_picture_s_address_stays_in_the_folder(file: str, folder: RunFolder):
    """It is relative and quoted; no name makes another address of it."""
    page = page_of(folder, evolve(MADE, file=file))
    (address,) = {*page.values("href"), *page.values("src")}
    assert address.startswith("./")
    assert not {*':?# "'} & {*address}


def test_the_browser_is_told_to_run_nothing(folder: RunFolder):
    """Pictures may come from the folder, and nothing else from anywhere."""
    page = page_of(folder, MADE)
    policy = next(at for tag, at in page.tags if "http-equiv" in at)["content"]
    assert policy.startswith("default-src 'none'; img-src 'self' file:; style-src")
    assert "script" not in policy
    assert not {"script", "link", "iframe"} & {tag for tag, _ in page.tags}


def test_pictures_load_when_they_are_scrolled_to(folder: RunFolder):
    """Two thousand of them would not fit into memory at once."""
    assert ["lazy"] == page_of(folder, MADE).values("loading")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (Status.FAILED, "Failed, refunded"),
        (Status.REFUSED, "Refused, not charged"),
        (Status.UNKNOWN, "Unknown, perhaps paid"),
        (Status.IN_FLIGHT, "Paid, on its way"),
        (Status.QUEUED, "Not sent yet"),
        (Status.INVALID, "Not sent: an error in its row"),
        (Status.SKIPPED, "Skipped, as its row says"),
        (Status.OK, "Ready, not saved yet"),
    ],
)
def test_where_there_is_no_picture_it_says_why(
    status: Status, words: str, folder: RunFolder
):
    """In words that tell what happened to the money."""
    page = page_of(folder, entry(status, error_code="code", error_message="message"))
    assert words in page.text
    assert "code: message" in page.text
    assert "img" not in {tag for tag, _ in page.tags}


def test_every_status_that_occurs_is_counted_on_top(folder: RunFolder):
    """And none that does not."""
    page = page_of(folder, *map(entry, Status))
    for label in ("Failed", "Refused", "Unknown", "In flight", "Invalid", "Skipped"):
        assert f" {label} 1" in page.text
    assert " Failed 1" not in page_of(folder, MADE).text


def test_money_stands_on_top_in_dollars_and_credits(folder: RunFolder):
    """Spent, committed, and the cap."""
    page = page_of(
        folder, MADE, spent=Decimal(1200), committed=Decimal("4.8"), cap=Decimal(5000)
    )
    for text in ("$6.000", "1,200 credits of at most 5,000", "$0.024", "4.8 credits"):
        assert text in page.text
    assert "Committed" not in page_of(folder, MADE).text


def test_commands_are_there_to_be_copied(folder: RunFolder):
    """With what they do."""
    steps = (NextStep("aivideo run a.csv -o runs/spring", "the rest"),)
    text = page_of(folder, MADE, steps=steps).text
    assert "aivideo run a.csv -o runs/spring" in text
    assert "the rest" in text


def test_many_pictures_are_on_several_pages(folder: RunFolder):
    """Each picture on one of them, and each page leads to the others."""
    entries = [evolve(MADE, key=f"SKU-{number:05}") for number in range(PER_PAGE + 1)]
    write_report(folder, summary_of(entries), iter(entries))
    first, second = (Page(folder.report(n).read_text("utf-8")) for n in (1, 2))
    assert (PER_PAGE, 1) == tuple(page.text.count("SKU-") for page in (first, second))
    assert "report-2.html" in first.values("href")
    assert "report.html" in second.values("href")
    assert not folder.report(3).exists()


def test_an_empty_run_has_a_page(folder: RunFolder):
    """It says that there are no pictures."""
    assert " Pictures 0" in page_of(folder).text


def test_a_long_prompt_is_cut(folder: RunFolder):
    """20,000 characters on each of 2,000 pictures would be 40 MB."""
    page_of(folder, evolve(MADE, prompt="word " * 4000))
    assert folder.report().stat().st_size < 12_000


def test_dollars_are_the_same_everywhere():
    """The command line reads its own, because it must not load the models."""
    assert money.DOLLARS_PER_CREDIT == cli_money.DOLLARS_PER_CREDIT
