"""
To know at once that the process was asked to stop.

A web framework tells its app of a shutdown only after the open responses have ended. A
response that waits for a task, such as a stream of server-sent events, would then wait
for a word that waits for the response. The signal itself comes earlier.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from types import FrameType

__all__ = ["shutdown_event"]

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@asynccontextmanager
async def shutdown_event() -> AsyncGenerator[asyncio.Event]:
    """
    Set an event as soon as the process is asked to stop.

    SIGTERM and SIGINT set it, and then go on to whoever handled them before: the server
    stops as ever, but streams that watch the event end first. Enter it while the server
    runs, as in its lifespan or startup, because servers install their handlers before
    that. The end of the block sets the event too, and puts the handlers back.

    Where nobody else handles a signal, the first one only sets the event, and the next
    one acts as if this were not here: a script ends in its own way, or at once. A signal
    that the process ignores stays ignored. Outside the main thread no signal can be
    caught, so there only the end of the block sets the event.

    Money: this stops no task and loses none; what is still running when the client
    closes is in ``client.unclaimed`` or with the caller who holds its id.

    Yields:
        The event; pass it as ``until=`` to `AsyncClient.watch`.

    Example:
        >>> async with shutdown_event() as closing:
        ...     task = await client.submit(GptImage2("a blue mug"))
        ...     async for task in client.watch(task, until=closing):
        ...         last = task.status
        >>> last, closing.is_set()
        (<TaskStatus.COMPLETED: 'completed'>, True)
    """
    closing = asyncio.Event()
    loop = asyncio.get_running_loop()

    def tell() -> None:
        # A handler may run in the middle of anything, also of `Event.set` itself.
        if not loop.is_closed():
            loop.call_soon_threadsafe(closing.set)

    with ExitStack() as handlers:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                handlers.enter_context(_told_first(number, tell))
        try:
            yield closing
        finally:
            closing.set()


@contextmanager
def _told_first(number: signal.Signals, tell: Callable[[], None]) -> Iterator[None]:
    """
    Call *tell* when the signal comes, and then its present handler.

    This serves those of ``loop.add_signal_handler`` as well: the loop reads of the signal
    in a pipe, and calls them after the handler of Python's own.
    """
    relay = _relay_of(number)
    if relay is None:
        yield
        return
    relay.tells.append(tell)
    try:
        yield
    finally:
        relay.tells.remove(tell)
        present = signal.getsignal(number)
        # If it is no longer there, somebody came after us, and keeps the signal.
        if not relay.tells and isinstance(present, _Relay) and present is relay:
            signal.signal(number, relay.present)


class _Relay:
    """One handler for all uses at a time, so that they may end in any order."""

    def __init__(self, present: Callable[..., object] | signal.Handlers | int) -> None:
        self.present = present
        self.tells: list[Callable[[], None]] = []

    def __call__(self, number: int, frame: FrameType | None) -> None:
        for tell in tuple(self.tells):
            tell()
        if callable(self.present):
            self.present(number, frame)
        else:
            signal.signal(number, self.present)


def _relay_of(number: signal.Signals) -> _Relay | None:
    """Return the relay that handles the signal, made at first; None if none may."""
    present = signal.getsignal(number)
    if present is None or present is signal.SIG_IGN:  # no Python code's, or nobody's
        return None
    if isinstance(present, _Relay):
        return present
    relay = _Relay(present)
    signal.signal(number, relay)
    return relay
