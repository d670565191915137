"""
Who goes first when submits and looks share one throttle: neither.

Looks first would starve buying, buying first would let finished tasks wait unseen.
Deficit round robin, one to one: while both wait they alternate; a turn that one side
could not use is owed to it, up to a limit.
"""

from __future__ import annotations

__all__ = ["FairShare"]

MOST_OWED = 5


class FairShare:
    """
    Alternate between submits and looks.

    Example:
        >>> share = FairShare()
        >>> share.submit_first()
        True
        >>> share.took_submit()
        >>> share.submit_first()
        False
    """

    def __init__(self) -> None:
        self._owed = 0  # > 0: submits are owed turns; < 0: looks are

    def submit_first(self) -> bool:
        """Tell whether, both waiting, the next turn is a submit's."""
        return self._owed >= 0

    def took_submit(self) -> None:
        """Note that a submit left."""
        self._owed = max(-MOST_OWED, self._owed - 1)

    def took_look(self) -> None:
        """Note that a look left."""
        self._owed = min(MOST_OWED, self._owed + 1)
