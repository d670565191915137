"""
What ``aivideo resolve`` does: list what is unknown, and carry out what was decided.

Writing needs the journal for itself, so a run that is under way is told of, and waits
for no decision.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Container, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import anyio.to_thread
import click
from attrs import frozen

from aivideo_async.bulk.folder import RunFolder
from aivideo_async.bulk.run import refresh
from aivideo_async.cli import money
from aivideo_async.cli.exits import DiskError, Exit, NotAgreedError, usage, worst
from aivideo_async.cli.options import Settings
from aivideo_async.cli.resolve.adopting import adopt, check_address
from aivideo_async.cli.resolve.decisions import Decisions
from aivideo_async.cli.resolve.evidence import (
    at_risk,
    fields,
    in_flight,
    overview,
    ways_out,
)
from aivideo_async.cli.resolve.gone import still_there
from aivideo_async.cli.runs import reading, step_lines, unchanged
from aivideo_async.cli.status.survey import survey
from aivideo_async.journal import Journal, Owner, Record
from aivideo_async.models.text import printable

__all__ = ["Unknown"]


@frozen
class Unknown:
    """
    What is unknown in one run.

    Attributes:
        settings: The global options.
        path: The run's folder.
        records: What is unknown, the oldest first.
        running: What is in flight; its task may be gone.
        forgotten: What was settled, and may be bought again or adopted after all.
        owner: Whose journal it is.
    """

    settings: Settings
    path: Path
    records: Sequence[Record]
    running: Sequence[Record]
    forgotten: Sequence[Record]
    owner: Owner | None

    @classmethod
    def read(cls, settings: Settings, path: Path) -> Unknown:
        """
        Read what is unknown in the run at *path*.

        Raises:
            UnusableError: There is no run.
            JournalError: It cannot be read.
        """
        with reading(path) as known:
            return cls(
                settings,
                path,
                known.unknown(),
                known.unfinished(),
                known.forgotten(),
                known.owner(),
            )

    def show(self) -> Exit:
        """Print each, and the ways out."""
        console = self.settings.console
        for record in self.records:
            console.record("unknown", **fields(record))
        for text in overview(self.path, self.records):
            console.result(text)
        if self.records:
            for text in ways_out(self.path, self.owner):
                console.result(text)
        for text in in_flight(self.path, self.running):
            console.result(text)
        return self.tell()

    def tell(self) -> Exit:
        """Note for programs how many there are; return the code that says so."""
        self.settings.console.summary |= {
            "unknown": len(self.records),
            "credits": at_risk(self.records),
        }
        return Exit.UNKNOWN if self.records else Exit.DONE

    def confirm(self, decisions: Decisions, *, yes: bool) -> None:
        """
        Ask before anything is bought a second time.

        Raises:
            NotAgreedError: Nobody is there to be asked, or the answer is no.
        """
        again = [self._by_key[key] for key in decisions.resubmit]
        if yes or not again:
            return
        text = (
            f"{money.pictures(len(again))} may be paid twice: another "
            f"{money.credits(at_risk(again))}."
        )
        if not self.settings.console.can_ask:
            raise NotAgreedError(
                f"{text} There is no terminal to ask on: add --yes. Nothing was changed."
            )
        if not click.confirm(f"{text} Let the next run buy again?", err=True):
            raise NotAgreedError("not agreed to. Nothing was changed.")

    async def settle(self, decisions: Decisions) -> Exit:
        """
        Carry out the *decisions*, and write the manifest anew.

        Raises:
            UnusableError: Another process has the journal.
            AIVideoError: The key is wrong, or the journal cannot be written.
        """
        assert self.owner is not None  # noqa: S101  (something was bought)
        given_up = self._given_up(decisions)
        if decisions.adopt or given_up:
            check_address(self.settings, self.owner)
        codes: list[Exit] = []
        async with held(self.path, self.owner) as journal:
            if decisions.adopt:
                records = self._by_key
                codes += await adopt(self.settings, journal, records, decisions.adopt)
            kept = await still_there(self.settings, given_up) if given_up else []
            codes += [Exit.SOME_FAILED] * len(kept)
            with unchanged():
                await self._say(journal, decisions, kept)
        await anyio.to_thread.run_sync(self._refresh)
        for text in step_lines(survey(self.path, datetime.now(UTC)).steps):
            self.settings.console.result(text)
        left = Unknown.read(self.settings, self.path)
        return worst([*codes, left.tell()])

    def _given_up(self, decisions: Decisions) -> dict[str, Record]:
        named = {*decisions.resubmit, *decisions.forget}
        return {one.key: one for one in self.running if one.key and one.key in named}

    @property
    def _by_key(self) -> dict[str, Record]:
        listed = (*self.forgotten, *self.records, *self.running)
        return {one.key: one for one in listed if one.key}

    async def _say(
        self, journal: Journal, decisions: Decisions, kept: Container[str]
    ) -> None:
        """Write down each word, if it is of what was shown."""
        seen = {key: record.seen for key, record in self._by_key.items()}
        for key in decisions.resubmit:
            if key not in kept:
                await journal.release(key, seen[key])
                self._settled(key, "resubmitted", "the next run buys it again")
        for key in decisions.forget:
            if key not in kept:
                await journal.forget(key, seen[key])
                self._settled(key, "forgotten", "left alone; it counts as spent")

    def _settled(self, key: str, how: str, text: str) -> None:
        console = self.settings.console
        console.record("settled", key=key, how=how)
        console.result(f"{printable(key)} {how}: {text}")

    def _refresh(self) -> None:
        try:
            refresh(RunFolder(self.path))
        except OSError as error:
            raise DiskError(
                f"All of it is in the journal, but the manifest could not be written: "
                f"{error.strerror}."
            ) from None


@asynccontextmanager
async def held(path: Path, owner: Owner) -> AsyncIterator[Journal]:
    """
    Have the journal of the run at *path* to oneself, as the *owner* had it.

    Raises:
        UnusableError: Another process has it; the text says which.
    """
    journal = Journal(RunFolder(path).journal)
    with usage():
        journal.open(origin=owner.origin, key_fingerprint=owner.key_fingerprint)
    try:
        yield journal
    finally:
        await journal.aclose()
