"""The benchmark of rate control: its rivals are fair."""

from __future__ import annotations

import pytest

from benchmarks import rate_control
from benchmarks.simulation import Bucket


@pytest.mark.parametrize("name", [rate_control.BACKOFF, *rate_control.RIVALS])
def test_each_rival_gets_its_work_done(name: str):
    """Three hundred creates at 20 per second, in at most four times the ideal."""
    client = rate_control.run(name, Bucket(20, 10), 20, 600.0, work=300)
    assert 300 == len(client.accepted)
    assert 300 + len(client.refused) == len(client.sent)
    assert max(client.accepted) <= 4 * 14.5


def test_pinprobe_is_refused_less_than_every_other_learner():
    """On every limit of the table, at the same use of it; the right bucket knows it."""
    rows = {
        name: rate_control.steady(name, 720.0, 300.0)
        for name in [rate_control.BACKOFF, *rate_control.RIVALS]
        if name != "the right bucket"
    }
    ours = rows.pop("PinProbe")
    for title, cell in ours.items():
        assert cell["used"] >= 0.97
        assert (
            cell["refused"] <= min(row[title]["refused"] for row in rows.values()) + 1
        )


def test_the_short_form_prints_every_table(capsys: pytest.CaptureFixture[str]):
    """From figures as they are written to JSON."""
    cell = {"used": 1.0, "refused": 2.0, "posts": 3, "times": 1.0}
    row = {"limit": cell}
    rate_control.show(
        {
            "steady": {"PinProbe": row},
            "crowd": {"PinProbe": row},
            "change": {"20 → 5": {"refused": 3}},
            "strangers": {"20/s": {"mean": 0.9}},
            "cpu": {"PinProbe": 2.0},
        }
    )
    printed = capsys.readouterr().out
    assert "| PinProbe | 1.00 / 2.0 |" in printed
    assert "| PinProbe | 3 / 1.00 |" in printed
    assert "| 20/s | 0.90 |" in printed
