"""A task in flight is given up only if the service does not know it any more."""

from __future__ import annotations

from collections.abc import Mapping

from aivideo_async import AIVideoError, TaskNotFoundError
from aivideo_async.cli.connect import connected
from aivideo_async.cli.exits import Exit, code_of
from aivideo_async.cli.options import Settings
from aivideo_async.journal import Record
from aivideo_async.models.text import printable

__all__ = ["still_there"]


async def still_there(settings: Settings, running: Mapping[str, Record]) -> list[str]:
    """
    Return the keys that are not given up, and tell why.

    Args:
        settings: The global options.
        running: What is to be given up, by its key.

    Raises:
        AIVideoError: The key cannot work at all.
    """
    kept = []
    async with connected(settings) as client:
        for key, record in running.items():
            task_id = record.task_id or ""
            try:
                task = await client.get_task(task_id)
            except TaskNotFoundError:
                continue
            except AIVideoError as error:
                if code_of(error) is Exit.CANNOT_WORK:
                    raise
                settings.console.error(error)
            else:
                text = f"{printable(key)} is task {task.id}, which is {task.status}"
                settings.console.error(
                    AIVideoError(
                        f"{text}: the next run collects it. Nothing was changed."
                    )
                )
            kept.append(key)
    return kept
