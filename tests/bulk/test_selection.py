"""Which rows are wanted: conditions as people write them, and even samples."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from aivideo_async.bulk.rows import Row
from aivideo_async.bulk.selection import (
    read_condition,
    sample,
    selected,
    unknown_columns,
)
from aivideo_async.errors import ConfigurationError
from tests.bulk.sheets import items_of

SHOE = {"Variant SKU": "S-1", "Product Type": "Running Shoes [new]", "note": "a=b"}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("product_type=running shoes [NEW]", True),
        ("product_type=running", False),
        ("product_type=running*", True),
        ("product_type=*SHOES*", True),
        ("product_type=*", True),
        ("product_type=running shoes ?new?", False),
        ("product_type!=running*", False),
        ("product_type != boots", True),
        ("sku = s-1", True),
        ("id=S-1", True),
        ("note=a=b", True),
        ("note=", False),
        ("note!=", True),
    ],
)
def test_a_condition_compares_the_whole_text(condition: str, holds: bool):
    """Whatever its case; only ``*`` is special; columns go by any of their names."""
    assert holds is read_condition(condition).holds(SHOE)


@pytest.mark.parametrize("text", ["shoes", "=shoes", "!=shoes", ""])
def test_what_is_no_condition_is_refused(text: str):
    """It says how to write one."""
    with pytest.raises(ConfigurationError, match="write column=text"):
        read_condition(text)


def test_all_conditions_are_required():
    """Rows and items are selected alike."""
    conditions = [read_condition("sku=a*"), read_condition("color!=red")]
    items, _ = items_of("sku,prompt,color\nA1,x,red\nA2,x,blue\nB,x,blue\n")
    rows = [Row(item.line, item.cells) for item in items]
    assert ["A2"] == [item.sku for item in selected(items, conditions)]
    assert [3] == [row.line for row in selected(rows, conditions)]


def test_a_condition_on_no_column_is_an_error():
    """It would silently select nothing, or everything."""
    conditions = [read_condition("colour=red"), read_condition("sku=A")]
    (problem,) = unknown_columns(conditions, ["sku", "prompt", "color"])
    assert "'colour'" in problem.text
    assert problem.hint.startswith("Did you mean 'color'?")


@given(total=st.integers(0, 300), wanted=st.integers(1, 320))
def test_a_sample_is_spread_evenly(total: int, wanted: int):
    """As many as were wanted, from the first on, with gaps of one size or the next."""
    chosen = [*sample(range(total), wanted, total)]
    gaps = {after - before for before, after in pairwise(chosen)}
    assert min(total, wanted) == len(chosen)
    assert chosen[:1] == [*range(total)][:1]
    assert not gaps or max(gaps) - min(gaps) <= 1
