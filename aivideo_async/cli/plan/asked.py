"""
What was asked for: a sheet, which part of it, and the folder of the run.

How files are named, and what counts where a row says nothing, is fixed when a run
begins: a later command line may leave it out, but not contradict it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
from attrs import asdict, evolve, frozen

from aivideo_async.bulk.folder import RunFolder, RunSettings
from aivideo_async.bulk.naming import NamePattern
from aivideo_async.bulk.orders import DEFAULTS
from aivideo_async.bulk.plan import Plan, Selection, make_plan, sample_of
from aivideo_async.bulk.selection import read_condition
from aivideo_async.bulk.sheet import Sheet
from aivideo_async.cli.exits import UnusableError, usage
from aivideo_async.cli.money import tables
from aivideo_async.journal import Journal, Reader
from aivideo_async.models.requests import GenerationRequest
from aivideo_async.models.text import printable

__all__ = ["Asked", "price_of", "run_in"]

FIXED = ("aspect_ratio", "resolution", "variants")
"""The options that are defaults for cells."""


@frozen
class Asked:
    """
    What was asked for.

    Attributes:
        sheet: What is wanted.
        selection: Which part of it, and how it is read.
        folder: Where the run lies or will lie; None to see the price only.
        name: The pattern of the files' names, as text.
    """

    sheet: Sheet
    selection: Selection
    folder: RunFolder | None
    name: str | None

    @classmethod
    def read(
        cls, sheet: Sheet, folder: RunFolder | None, about: Mapping[str, Any]
    ) -> Asked:
        """
        Read the options of `aivideo_async.cli.plan.command.sheet_options`.

        Raises:
            ConfigurationError: One of them cannot be read.
            click.UsageError: One contradicts what the run began with.
        """
        earlier = run_in(folder) if folder is not None else None
        given = {name: about[name] for name in FIXED if about[name] is not None}
        defaults, name = evolve(DEFAULTS, **given), about["name"]
        if earlier is not None and folder is not None:
            _check(folder, earlier, {**given, "name": name})
            defaults, name = earlier.defaults, earlier.name
        selection = Selection(
            defaults=defaults,
            pattern=None if name is None else NamePattern(name),
            where=tuple(map(read_condition, about["where"])),
            limit=about["limit"],
            sample=about["sample"],
        )
        return cls(sheet, selection, folder, name)

    def plan(self) -> Plan:
        """
        Compare the sheet with what the run has already.

        Raises:
            UnusableError: The sheet or the journal is none.
        """
        with self._known() as known:
            return make_plan(self.sheet, self.selection, known, price_of)

    def sampled(self, wanted: int, total: int) -> Asked:
        """Ask for *wanted* of the *total* pictures that are to be bought, only."""
        with self._known() as known:
            keys = sample_of(self.sheet, self.selection, known, wanted, total)
        return evolve(self, selection=evolve(self.selection, keys=keys))

    @contextmanager
    def _known(self) -> Iterator[Reader | None]:
        """Open the journal of the run, if there is one."""
        with usage(), ExitStack() as opened:
            if self.folder is None or not self.folder.has_journal:
                yield None
            else:
                yield opened.enter_context(Journal.reading(self.folder.journal))

    def run_settings(self) -> RunSettings:
        """Return what is fixed if the run begins now."""
        return RunSettings(
            sheet=self.sheet.name,
            sheet_sha256=self.sheet.sha256(),
            prices=tables()[0]["dated"],
            name=self.name,
            defaults=self.selection.defaults,
        )


def run_in(folder: RunFolder) -> RunSettings | None:
    """
    Return the settings of the run in *folder*, or None if one can begin there.

    Raises:
        UnusableError: It holds other things.
        ConfigurationError: The settings cannot be read.
    """
    shown = printable(str(folder.path))
    if folder.path.exists() and not folder.path.is_dir():
        raise UnusableError(f"{shown} is a file: name a folder. Nothing was sent.")
    earlier = folder.read()
    if earlier is None and not folder.journal.exists() and _holds_things(folder.path):
        raise UnusableError(
            f"{shown} holds other files, and no run: name a new or empty folder. "
            "Nothing was sent."
        )
    return earlier


def _holds_things(path: Path) -> bool:
    return path.is_dir() and any(
        not name.name.startswith(".") for name in path.iterdir()
    )


def _check(folder: RunFolder, earlier: RunSettings, given: Mapping[str, Any]) -> None:
    fixed = {**asdict(earlier.defaults), "name": earlier.name}
    for option, value in _contradictions(fixed, given):
        began = "none" if fixed[option] is None else fixed[option]
        raise click.UsageError(
            f"--{option.replace('_', '-')} {printable(str(value))}: the run in "
            f"{printable(str(folder.path))} began with {printable(str(began))}, and that "
            "stays. Leave it out, or name another folder. Nothing was sent."
        )


def _contradictions(
    fixed: Mapping[str, Any], given: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    for option, value in given.items():
        if value is not None and value != fixed[option]:
            yield option, value


def price_of(request: GenerationRequest) -> Decimal | None:
    """Return what *request* costs by the table, in credits."""
    return request.price
