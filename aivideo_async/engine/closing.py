"""How things end: a client, what it has open, and a job that met a defect of ours."""

from __future__ import annotations

import asyncio

import anyio

from aivideo_async.engine.jobs import Job
from aivideo_async.errors import AIVideoError
from aivideo_async.models.wire import Exchange, Fault, FaultKind

__all__ = ["cut_off", "defect", "wait_stubbornly"]


def cut_off(sent: bool) -> Exchange:
    """Return what is left of an exchange that was ended by us."""
    fault = Fault(FaultKind.CANCELLED, "the client was closed by force")
    return Exchange(sent, error=fault)


def defect(job: Job) -> AIVideoError:
    """Make the error of a job whose answer could not be recorded."""
    known = f"Its task is {job.task_id}: look at it with client.wait." * bool(
        job.task_id
    )
    return AIVideoError(
        "A defect of this library while it recorded an answer; the log has the details, "
        f"please report it. The request may have been charged. {known}".rstrip(),
        task_id=job.task_id,
    )


async def wait_stubbornly(tasks: set[asyncio.Task[None]], patience: float) -> None:
    """Wait for *tasks*, through the first cancellation but not through the second."""
    if not tasks:
        return
    loop = asyncio.get_running_loop()
    end = loop.time() + patience
    me = asyncio.current_task()
    already_cancelled = me is not None and me.cancelling() > 0
    # Shielded against anyio scopes, which cancel at every await again.
    with anyio.CancelScope(shield=True):
        try:
            await asyncio.wait(tasks, timeout=patience)
        except asyncio.CancelledError:
            if not already_cancelled:
                await asyncio.wait(tasks, timeout=max(0.0, end - loop.time()))
            raise
