"""The contact sheet: it shows every frame, and no text in it can do anything."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from aivideo_async.cli.demo.page import Frame, Sheet, render
from aivideo_async.emulator import Picture
from aivideo_async.emulator.pictures import render as draw
from tests.pages import CORPUS, Page


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a picture."""
    (tmp_path / "mug.png").write_bytes(draw(Picture("a mug", 64, 64)))
    return tmp_path


def frame(folder: Path, number: int, **values: Any) -> Frame:
    """Return a frame with a picture."""
    made = Frame(
        number=number,
        key=f"MUG-{number}",
        prompt="a mug",
        ratio="1:1",
        reference="",
        credits=Decimal("2.4"),
        seconds=1.0,
        picture=folder / "mug.png",
        failure="",
    )
    return evolve(made, **values)


def sheet_of(*frames: Frame) -> Sheet:
    """Return a sheet with an account."""
    return Sheet(
        frames=frames,
        seconds=2.0,
        in_flight=4,
        before=Decimal(10000),
        after=Decimal("9997.6"),
        charged=Decimal("4.8"),
        refunded=Decimal("2.4"),
    )


@pytest.mark.parametrize("text", CORPUS)
def test_no_text_changes_the_page_s_structure(text: str, folder: Path):
    """Hostile texts are shown as they are, where a harmless one would stand."""

    def page(word: str) -> Page:
        lost = frame(folder, 2, ratio=word, picture=None, failure=word)
        made = frame(folder, 1, key=word, prompt=word, ratio=word, reference=word)
        return Page(render(sheet_of(made, lost), folder))

    assert page("harmless").shape == page(text).shape
    assert page(text).text.count(text) >= 4
    assert text in page(text).values("alt")


@pytest.mark.parametrize("name", ["javascript:alert(1).png", '">#?%2e.png'])
def test_a_link_leads_to_the_file_whatever_its_name(name: str, folder: Path):
    """It is relative and quoted; no name makes another address of it."""
    picture = (folder / "mug.png").rename(folder / name)
    (link,) = Page(render(sheet_of(frame(folder, 1, picture=picture)), folder)).values(
        "href"
    )
    assert not {*':">#?'} & {*link}
    assert (folder / name).as_uri().endswith("/" + link)


def test_the_browser_is_told_to_load_and_run_nothing(folder: Path):
    """The page's own policy allows inlined pictures and styles, and no script."""
    page = Page(render(sheet_of(frame(folder, 1)), folder))
    policy = next(at for tag, at in page.tags if "http-equiv" in at)["content"]
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "script" not in policy


def test_frames_stand_by_ratio_then_in_their_order(folder: Path):
    """In whatever order they were completed."""
    frames = [
        frame(folder, 3),
        frame(folder, 2, ratio="4:5"),
        frame(folder, 1),
    ]
    text = Page(render(sheet_of(*frames), folder)).text
    assert text.index("MUG-1") < text.index("MUG-3") < text.index("MUG-2")


def test_an_edit_stands_beside_its_reference(folder: Path):
    """They are marked as before and after."""
    edit = frame(folder, 2, reference="MUG-1")
    page = Page(render(sheet_of(frame(folder, 1), edit), folder))
    assert page.text.index("before") < page.text.index("after")
    assert "edit" in page.values("class")


def test_a_failure_is_a_frame_of_its_own(folder: Path):
    """It says why, and that the money came back."""
    lost = frame(folder, 1, picture=None, failure="upstream_error: no")
    page = Page(render(sheet_of(lost), folder))
    assert "Failed, refunded" in page.text
    assert "upstream_error: no" in page.text
    assert "img" not in {tag for tag, _ in page.tags}


def test_without_pillow_the_pictures_are_inlined_whole(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    """Pillow only makes the page smaller."""
    monkeypatch.setitem(sys.modules, "PIL", None)
    (source,) = Page(render(sheet_of(frame(folder, 1)), folder)).values("src")
    assert source.startswith("data:image/png;base64,iVBORw0KGgo")
