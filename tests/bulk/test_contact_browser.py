"""The contact sheet as people see it: a file opened from the disk, in a real browser."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, async_playwright, expect

from aivideo_async.bulk.contact import NextStep, Summary, write_report
from aivideo_async.bulk.folder import RunFolder
from aivideo_async.bulk.manifest import Entry, Status
from aivideo_async.emulator import Picture
from aivideo_async.emulator.pictures import render
from tests.pages import CORPUS

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.skipif(
        CHROMIUM is None, reason="there is no Chromium here: apt-get install chromium"
    ),
    pytest.mark.timeout(120),  # a browser starts slowly on a busy machine
]


@pytest_asyncio.fixture
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    """A report of hostile texts, open in a tab in which nothing may fail or run."""
    folder = RunFolder(tmp_path)
    write(folder)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        page = await browser.new_page(viewport={"width": 400, "height": 900})
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        await page.goto(folder.report().as_uri())
        yield page
        await browser.close()
    assert [] == complaints


def write(folder: RunFolder) -> None:
    """Write one picture, and a failure for each hostile text."""
    folder.images.mkdir()
    (folder.images / "50 %#.png").write_bytes(render(Picture("a mug", 64, 64)))
    made = Entry(
        key="MUG", sku="MUG", variant=1, status=Status.OK, file="images/50 %#.png"
    )
    lost = [
        Entry(
            key=text,
            sku=text,
            variant=1,
            status=Status.FAILED,
            prompt=text * 3,
            error_message=text,
        )
        for text in CORPUS
    ]
    counts = Counter(entry.status for entry in (made, *lost))
    summary = Summary(
        title="spring",
        note=CORPUS[0],
        counts=counts,
        spent=Decimal("2.4"),
        prices="2026-04",
        steps=(NextStep(f"aivideo run {'x' * 200}", "goes on"),),
    )
    write_report(folder, summary, [made, *lost])


async def test_pictures_are_shown_and_nothing_is_wider_than_the_screen(page: Page):
    """Its own policy lets them load from the disk; no hostile text does anything."""
    picture = page.get_by_role("img")
    await picture.scroll_into_view_if_needed()
    await expect(picture).to_have_js_property("naturalWidth", 64)
    assert 400 == await page.evaluate("document.documentElement.scrollWidth")


async def test_pictures_and_failures_can_be_shown_apart(page: Page):
    """Without a script."""
    tiles = page.locator(".grid li:visible")
    await expect(tiles).to_have_count(1 + len(CORPUS))
    await page.get_by_label("what has none").check()
    await expect(tiles).to_have_count(len(CORPUS))
    await page.get_by_label("what has a picture").check()
    await expect(tiles).to_have_count(1)
