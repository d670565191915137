"""What the user decided, checked before anything is done. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import click
from attrs import frozen

from aivideo_async.journal import Record
from aivideo_async.models.tasks import is_task_id
from aivideo_async.models.text import printable, show

__all__ = ["Decisions", "Said"]


@frozen(kw_only=True)
class Said:
    """What stands on the command line; see the options of ``aivideo resolve``."""

    adopt: tuple[str, ...] = ()
    resubmit: tuple[str, ...] = ()
    resubmit_all: bool = False
    forget: tuple[str, ...] = ()
    forget_all: bool = False

    def __bool__(self) -> bool:
        """Whether anything is to be done."""
        all_of_it = self.adopt, self.resubmit, self.forget
        return any(all_of_it) or self.resubmit_all or self.forget_all


@frozen(kw_only=True)
class Decisions:
    """
    What is to become of which purchase; each stands in one of the three.

    Attributes:
        adopt: The task that each of these keys is.
        resubmit: Keys that are to be bought again.
        forget: Keys that are to be left alone.
    """

    adopt: Mapping[str, str]
    resubmit: Sequence[str]
    forget: Sequence[str]

    @classmethod
    def read(
        cls,
        said: Said,
        unknown: Iterable[Record],
        running: Iterable[Record] = (),
        forgotten: Iterable[Record] = (),
    ) -> Decisions:
        """
        Read what was *said* of what is *unknown*, *running*, or *forgotten* before.

        The last two are only meant where a key is named. What is running cannot be
        adopted, and what is forgotten cannot be forgotten again.

        Raises:
            click.UsageError: A key is not unknown or is named twice, a word is no task
                id, or both say "all". Nothing was changed.

        Example:
            >>> Decisions.read(Said(forget=("MUG",)), [])
            Traceback (most recent call last):
            click.exceptions.UsageError: MUG has no unknown outcome. Nothing was changed.
        """
        known = [record.key for record in unknown if record.key is not None]
        adopt = dict(_pair(text) for text in said.adopt)
        named = [*adopt, *said.resubmit, *said.forget]
        if len(adopt) < len(said.adopt) or len({*named}) < len(named):
            raise _wrong("A key is named twice.")
        given_up = {one.key for one in running} - adopt.keys()
        again = {one.key for one in forgotten}.difference(said.forget)
        for key in named:
            if key not in {*known, *given_up, *again}:
                raise _wrong(f"{printable(key)} has no unknown outcome.")
        if said.resubmit_all and said.forget_all:
            raise _wrong("--resubmit-all and --forget-all exclude each other.")
        rest = [key for key in known if key not in named]
        return cls(
            adopt=adopt,
            resubmit=[*said.resubmit, *(rest if said.resubmit_all else ())],
            forget=[*said.forget, *(rest if said.forget_all else ())],
        )


def _pair(text: str) -> tuple[str, str]:
    """Split ``KEY=TASK_ID`` at its last ``=``: a key may have one, a task id may not."""
    key, _, task_id = text.rpartition("=")
    if not key or not is_task_id(task_id):
        raise _wrong(f"--adopt {show(text)} is not KEY=TASK_ID.")
    return key, task_id


def _wrong(text: str) -> click.UsageError:
    return click.UsageError(f"{text} Nothing was changed.")
