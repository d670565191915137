"""JSON of every shape, for whoever must not be surprised by any."""

from __future__ import annotations

from hypothesis import strategies as st

__all__ = ["JSON", "OBJECTS", "TEXT"]

# A lone surrogate is no Unicode text; it has tests of its own.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXT

JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4)
    ),
    max_leaves=8,
)
"""Any value that JSON can hold."""

OBJECTS = st.dictionaries(TEXT, JSON, max_size=4)
"""Any JSON object."""
