"""How a client ends: what is still open is waited for, and recorded if that ends."""

from __future__ import annotations

import asyncio

import anyio

from aivideo_async.models.wire import Exchange, Fault, FaultKind

__all__ = ["cut_off", "wait_stubbornly"]


def cut_off(sent: bool) -> Exchange:
    """Return what is left of an exchange that was ended by us."""
    fault = Fault(FaultKind.CANCELLED, "the client was closed by force")
    return Exchange(sent, error=fault)


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
