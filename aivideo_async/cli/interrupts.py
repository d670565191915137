"""
Ctrl-C and SIGTERM in two stages, so that stopping loses nothing that was paid for.

The first asks to stop: nothing more is bought, and what was bought is collected; for
ten seconds at most after a SIGTERM, whose sender will not wait for ever, or a SIGHUP,
when the terminal was closed. The second leaves. Where nothing is bought (yet), the
first one leaves.

Where a loop has no signal handlers (Windows), Ctrl-C cancels the command instead: it
leaves at once, and still tells the ids of what it paid for.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress

from aivideo_async.cli.exits import Exit

__all__ = ["DRAIN", "Interrupts", "run"]

DRAIN = 10.0  # seconds
IMPATIENCE = 0.3  # seconds

SIGNALS = {
    signal.SIGINT: Exit.INTERRUPTED,
    signal.SIGTERM: Exit.TERMINATED,
}
if hasattr(signal, "SIGHUP"):
    SIGNALS[signal.SIGHUP] = Exit.HUNG_UP


def run(
    work: Callable[[Interrupts], Awaitable[Exit]],
    *,
    collects: bool,
    drain: float | None = None,
) -> Exit:
    """
    Run *work* in a loop of its own, to its end or to that of a signal.

    Args:
        work: What to do; it watches `Interrupts.stop`.
        collects: Whether the first signal only asks *work* to stop.
        drain: Seconds for which it may collect after a Ctrl-C; None for as many as it
            takes.
    """

    async def guarded() -> Exit:
        return await Interrupts(collects=collects, drain=drain).guard(work)

    return asyncio.run(guarded())


class Interrupts:
    """
    The signals that a running command gets.

    Attributes:
        stop: Set when nothing more is to be bought, by a signal or by the command.
        code: The exit code of the first signal, if there was one.
        collects: Whether the first signal only asks the command to stop.
        hurried: Whether a second one asked to leave at once.
    """

    def __init__(self, *, collects: bool, drain: float | None = None) -> None:
        self.stop = asyncio.Event()
        self.code: Exit | None = None
        self.collects = collects
        self.hurried = False
        self._drain = drain
        self._loop = asyncio.get_running_loop()
        self._main = asyncio.current_task()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def drain(self) -> float | None:
        """For how many seconds it may collect after the first signal; None for ever."""
        return self._drain if self.code is Exit.INTERRUPTED else DRAIN

    async def guard(self, work: Callable[[Interrupts], Awaitable[Exit]]) -> Exit:
        """Do *work*; return its code, or that of the signal that stopped it."""
        for number in SIGNALS:
            if signal.getsignal(number) is signal.SIG_IGN and number != signal.SIGINT:
                continue  # as under nohup
            with suppress(NotImplementedError, RuntimeError):  # or not the main thread
                self._loop.add_signal_handler(number, self._take, number)
        try:
            code = await work(self)
        except asyncio.CancelledError:
            if self.code is None:
                raise
            code = self.code
        finally:
            self._release()
        return self.code or code

    def _take(self, number: signal.Signals) -> None:
        self.hurried = self.code is not None
        self.code = self.code or SIGNALS[number]
        self.stop.set()
        if self.hurried or not self.collects:
            self._leave()
        elif (drain := self.drain) is not None:
            self._timer = self._loop.call_later(drain, self._leave)

    def _leave(self) -> None:
        """Cancel the command, and go on doing so: a client that closes is patient."""
        if self._timer is not None:
            self._timer.cancel()
        if self._main is not None:
            self._main.cancel()
        self._timer = self._loop.call_later(IMPATIENCE, self._leave)

    def _release(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for number in SIGNALS:
            with suppress(NotImplementedError, RuntimeError):
                self._loop.remove_signal_handler(number)
