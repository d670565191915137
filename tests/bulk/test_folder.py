"""The run's folder: its settings are fixed once, and read back as they were."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from aivideo_async.bulk.folder import RunFolder, RunSettings, to_toml
from aivideo_async.bulk.orders import Defaults
from aivideo_async.bulk.whole import writing
from aivideo_async.errors import ConfigurationError

TEXT = st.text(st.characters(codec="utf-8"))
SETTINGS = RunSettings(
    sheet="products.csv",
    sheet_sha256="0a1b",
    prices="2026-04",
    name="{sku}",
    defaults=Defaults(aspect_ratio="1:1", nsfw_checker=False, variants=3),
    created=datetime(2026, 4, 5, 6, 7, 8, tzinfo=UTC),
)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A folder that does not exist yet."""
    return RunFolder(tmp_path / "runs" / "spring")


def test_settings_are_read_back_as_they_were(folder: RunFolder):
    """All of them, with their types."""
    assert folder.read() is None
    folder.begin(SETTINGS)
    assert SETTINGS == folder.read()


@given(sheet=TEXT, name=st.none() | TEXT)
def test_any_text_survives_the_file(sheet: str, name: str | None):
    """Quotes, newlines, control characters and backslashes."""
    settings = RunSettings(sheet=sheet, sheet_sha256="0a", prices="x", name=name)
    values = tomllib.loads(to_toml(settings))
    assert (sheet, name) == (values["sheet"], values.get("name"))


def test_a_path_that_is_no_unicode_can_be_written(folder: RunFolder):
    """File names are bytes on some systems."""
    folder.begin(RunSettings(sheet="a\udce9.csv", sheet_sha256="0a", prices="x"))
    assert "a?.csv" == folder.read().sheet  # type: ignore[union-attr]


def test_the_first_run_fixes_the_settings(folder: RunFolder):
    """A later run gets those of the first."""
    folder.begin(SETTINGS)
    before = folder.settings.read_bytes()
    later = RunSettings(sheet="other.csv", sheet_sha256="ff", prices="2027-01")
    assert SETTINGS == folder.begin(later)
    assert before == folder.settings.read_bytes()


def test_a_later_format_is_refused(folder: RunFolder):
    """Nobody can know what it means."""
    folder.begin(SETTINGS)
    text = folder.settings.read_text().replace("format = 1", "format = 2")
    folder.settings.write_text(text)
    with pytest.raises(ConfigurationError, match="upgrade this one"):
        folder.read()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"format = ",
        b"format = 1",
        b"\xff",
        b'format = 1\nsheet = "a"\ncreated = 1',
    ],
    ids=repr,
)
def test_broken_settings_are_refused(folder: RunFolder, content: bytes):
    """They are neither guessed nor replaced; the error names the file."""
    folder.path.mkdir(parents=True)
    folder.settings.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"run\.toml cannot be read"):
        folder.begin(SETTINGS)
    assert content == folder.settings.read_bytes()


def test_everything_has_its_place(folder: RunFolder):
    """All of it in the folder itself."""
    names = [
        folder.journal,
        folder.images,
        folder.manifest_csv,
        folder.manifest_jsonl,
        folder.settings,
        folder.report(),
        folder.report(2),
    ]
    assert [
        "journal.db",
        "images",
        "manifest.csv",
        "manifest.jsonl",
        "run.toml",
        "report.html",
        "report-2.html",
    ] == [path.name for path in names]
    assert {folder.path} == {path.parent for path in names}


def test_what_goes_wrong_leaves_the_old_file(tmp_path: Path):
    """And nothing beside it, whatever went wrong."""
    path = tmp_path / "manifest.csv"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), writing(path) as file:
        file.write("new" * 100_000)
        raise KeyboardInterrupt
    assert ["old"] == [found.read_text() for found in tmp_path.iterdir()]


def test_the_old_file_stands_until_the_new_one_is_whole(tmp_path: Path):
    """A reader meanwhile finds the old one."""
    path = tmp_path / "manifest.csv"
    path.write_text("old")
    with writing(path) as file:
        file.write("new")
        file.flush()
        assert "old" == path.read_text()
    assert ["new"] == [found.read_text() for found in tmp_path.iterdir()]
