"""What the benchmarks write can be read."""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from aivideo_async import __version__
from benchmarks import _report

PUBLISHED = sorted(_report.RESULTS.glob("*.json"))
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True)
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the published results as they are."""
    monkeypatch.setattr(_report, "RESULTS", tmp_path / "results")
    return tmp_path / "results"


def test_a_table_is_markdown(capsys: pytest.CaptureFixture[str]):
    """It can be pasted into a document."""
    _report.table([["", "looks"], ["Backoff()", 8.3]])
    assert [
        "|           | looks |",
        "|-----------|-------|",
        "| Backoff() | 8.3   |",
    ] == (capsys.readouterr().out.splitlines()[:3])


def test_numbers_are_kept_with_their_origin(
    results: Path, monkeypatch: pytest.MonkeyPatch
):
    """As JSON: when, on what, with which versions, and the command that repeats it."""
    monkeypatch.setattr(sys, "orig_argv", ["/bin/python3", "-m", "benchmarks.polling"])
    path = _report.save("figures", {"looks": 8.3})
    kept = json.loads(path.read_text("utf-8"))
    assert results / "figures.json" == path
    assert {"date", "command", "machine", "versions", "looks"} == set(kept)
    assert "python -m benchmarks.polling" == kept["command"]
    assert kept["date"] == date.fromisoformat(kept["date"]).isoformat()
    assert {"python", "aivideo-async"} <= set(kept["versions"])
    assert __version__ == kept["versions"]["aivideo-async"]


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_every_published_result_tells_its_origin(path: Path):
    """When, with what, and how to repeat it; or that the run itself did not keep that."""
    kept = json.loads(path.read_text("utf-8"))
    assert {"date", "machine", "versions"} <= set(kept)
    assert ("command" in kept) != ("noted afterwards" in kept)


def test_a_picture_shows_every_series_inside_its_frame():
    """Whatever the range of the numbers; a name may hold any sign."""
    series = [
        _report.Series("a < b & c", [(0.001, 1000.0), (400.0, 0.05)]),
        _report.Series("mark", [(3.0, 3.0)], line=False),
    ]
    path = _report.plot("figures", "title", "across", "up", series)
    picture = ET.fromstring(path.read_text("utf-8"))
    texts = {text.text for text in picture.iter(f"{SVG}text")}
    assert {"title", "across", "up", "a < b & c", "mark"} < texts
    (line,) = picture.iter(f"{SVG}polyline")
    places = [tuple(map(float, at.split(","))) for at in line.attrib["points"].split()]
    assert all(0 < x < _report.WIDTH and 0 < y < _report.HEIGHT for x, y in places)
    assert places[0] < places[1]
    assert places[0][1] < places[1][1]  # up is small in SVG


def test_a_picture_on_linear_axes_begins_at_zero():
    """What changes with time is shown so."""
    series = [_report.Series("rate", [(0.0, 0.0), (60.0, 20.0)])]
    path = _report.plot("figures", "title", "seconds", "per s", series, linear=True)
    (line,) = ET.fromstring(path.read_text("utf-8")).iter(f"{SVG}polyline")
    start = tuple(map(float, line.attrib["points"].split()[0].split(",")))
    assert (_report.LEFT, _report.HEIGHT - _report.BOTTOM) == start
