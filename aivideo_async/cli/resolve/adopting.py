"""
A task that the user names for a purchase is looked at before it is believed.

That it exists, and when and as what it was created, is all that can be known of it: a
task does not tell its prompt.
"""

from __future__ import annotations

from collections.abc import Mapping

from aivideo_async import AIVideoError, AsyncClient
from aivideo_async.cli.connect import connected
from aivideo_async.cli.exits import Exit, UnusableError, code_of
from aivideo_async.cli.options import Settings
from aivideo_async.cli.resolve.evidence import clock_ahead, misfit
from aivideo_async.cli.runs import unchanged
from aivideo_async.client.options import read_address
from aivideo_async.journal import Journal, Owner, Record
from aivideo_async.models.tasks import Task, TaskStatus
from aivideo_async.models.text import printable

__all__ = ["adopt", "check_address"]

COMPARED = 100
"""Tasks that are ready, by which this machine's clock is compared with the service's."""


async def adopt(
    settings: Settings,
    journal: Journal,
    records: Mapping[str, Record],
    wanted: Mapping[str, str],
) -> list[Exit]:
    """
    Adopt the tasks that fit.

    Args:
        settings: The global options.
        journal: What is written.
        records: What is unknown, by its key.
        wanted: The task of each key.

    Returns:
        A code for each that was refused; that was told, and changed nothing.

    Raises:
        AIVideoError: The key cannot work at all.
    """
    codes = []
    async with connected(settings) as client:
        for key, task_id in wanted.items():
            try:
                task = await fitting(client, journal, records[key], task_id)
                with unchanged():
                    await journal.adopt(key, task_id, records[key].seen)
                await note_end(journal, task)
            except AIVideoError as error:
                if code_of(error) is Exit.CANNOT_WORK:
                    raise
                settings.console.error(error)
                codes.append(code_of(error))
            else:
                tell(settings, key, task)
    return codes


async def fitting(
    client: AsyncClient, journal: Journal, record: Record, task_id: str
) -> Task:
    """
    Look at the task; return it if it may be what *record* bought.

    Raises:
        AIVideoError: It is not, or it cannot be looked at; nothing was changed.
    """
    refused = f"{printable(record.key or '')} cannot be task {task_id}"
    if journal.has_task(task_id):
        raise AIVideoError(
            f"{refused}: that belongs to a picture of this run already. Nothing was "
            "changed."
        )
    task = await client.get_task(task_id)
    reason = misfit(record, task, clock_ahead(journal.latest(COMPARED)))
    if reason is not None:
        raise AIVideoError(f"{refused}: {reason}. Nothing was changed.")
    return task


async def note_end(journal: Journal, task: Task) -> None:
    """Note how the task ended, if it has, so that it is no longer at stake."""
    if task.is_final:
        failed = task.status is TaskStatus.FAILED
        await journal.end(task.id, failed=failed, answer=dict(task.raw))


def tell(settings: Settings, key: str, task: Task) -> None:
    """Tell which task it is, and how that stands."""
    settings.console.record("settled", key=key, how="adopted", task_id=task.id)
    settings.console.result(
        f"{printable(key)} adopted: task {task.id} is {task.status}; the next run "
        "collects it"
    )


def check_address(settings: Settings, owner: Owner) -> None:
    """
    Check that the API that will be asked is the one that was bought from.

    Raises:
        UnusableError: It is another one, and would know none of the tasks.
    """
    address = str(read_address(settings.base_url).origin())
    if address != owner.origin:
        raise UnusableError(
            f"This run was bought from {owner.origin}, and this command would ask "
            f"{address}: add --base-url {owner.origin}, with the key that belongs to "
            "it. Nothing was changed."
        )
