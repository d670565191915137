"""
A client from the options and the environment; what it paid for is told at its end.

The key comes from the environment or from a file, never from an argument: those can be
read by everybody on the machine.
"""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from aivideo_async import (
    APIError,
    AsyncClient,
    ConfigurationError,
    JournalError,
    UnexpectedResponseError,
)
from aivideo_async.cli.exits import Exit, code_of, usage
from aivideo_async.cli.options import Settings
from aivideo_async.client.options import KEY_VARIABLES
from aivideo_async.journal import Journal
from aivideo_async.models.text import printable

__all__ = ["balance", "connected", "has_key", "read_key_file"]

NO_KEY = (
    "No API key: export AIVIDEOAPI_API_KEY=sk-..., or name a file with --api-key-file. "
    "Keys are made in the dashboard under API keys. Without one, try: aivideo demo"
)


@asynccontextmanager
async def connected(
    settings: Settings, owed: Collection[str] = (), **options: Any
) -> AsyncIterator[AsyncClient]:
    """
    Open a client; at its end tell every id that was paid for and that nobody got.

    With a journal these are in there, and only what it could not take is told.

    Args:
        settings: The global options.
        owed: Ids of paid tasks that the command has and did not save; read at the end.
        options: Those of `AsyncClient`.

    Raises:
        ConfigurationError: There is no key, or the address would leak it.
        UnusableError: The journal is in use, or cannot be used.
    """
    client = AsyncClient(_key(settings), base_url=settings.base_url, **options)
    try:
        async with AsyncExitStack() as opened:
            with usage():  # all that can be wrong now is its journal
                await opened.enter_async_context(client)
            yield client
    finally:
        ids = [*client.unclaimed, *owed]
        settings.console.pick_up(_forgotten(options.get("journal"), ids))


def _forgotten(journal: Journal | None, ids: Sequence[str]) -> Sequence[str]:
    """Return which of *ids* the journal does not know, and so would be lost."""
    if journal is None or not ids:
        return ids
    try:
        with Journal.reading(journal.path) as known:
            return [task_id for task_id in ids if not known.has_task(task_id)]
    except (ConfigurationError, JournalError):
        return ids


async def balance(client: AsyncClient) -> Decimal | None:
    """
    Read the balance, or None if the service does not tell.

    Raises:
        AIVideoError: The key is wrong, or the service cannot be reached.
    """
    try:
        return (await client.credits()).balance
    except (APIError, UnexpectedResponseError) as error:
        if code_of(error) is Exit.CANNOT_WORK:
            raise
        return None


def has_key(settings: Settings) -> bool:
    """Tell whether a key was named, by a file or by the environment."""
    named = any(os.environ.get(name) for name in KEY_VARIABLES)
    return named or settings.api_key_file is not None


def _key(settings: Settings) -> str | None:
    if settings.api_key_file is None:
        if not has_key(settings):
            raise ConfigurationError(NO_KEY)
        return None
    if is_open_to_others(settings.api_key_file):
        settings.console.warn(
            f"others can read {printable(str(settings.api_key_file))}: chmod 600 it."
        )
    return settings.file_key.reveal()


def read_key_file(path: Path) -> str:
    """
    Return the key in the file *path*.

    Raises:
        ConfigurationError: It cannot be read.
    """
    try:
        key = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise ConfigurationError(
            f"The key file {printable(str(path))} cannot be read: {reason}."
        ) from None
    if not key:
        raise ConfigurationError(f"The key file {printable(str(path))} is empty.")
    return key


def is_open_to_others(path: Path) -> bool:
    """Tell whether other users of this machine may read *path*."""
    others = stat.S_IRGRP | stat.S_IROTH
    return os.name == "posix" and bool(path.stat().st_mode & others)
