"""
What ``aivideo task`` does: many tasks side by side, a line for each.

Nothing here spends, so the first Ctrl-C leaves; what is not finished is named.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
from attrs import define, field

from aivideo_async import (
    AIVideoError,
    AsyncClient,
    Task,
    TaskFailedError,
)
from aivideo_async.cli import interrupts
from aivideo_async.cli.connect import connected
from aivideo_async.cli.console import error_fields
from aivideo_async.cli.exits import Exit, code_of, worst
from aivideo_async.cli.interrupts import Interrupts
from aivideo_async.cli.options import Settings
from aivideo_async.cli.progress import Progress, beating
from aivideo_async.cli.task.arrivals import Arrivals
from aivideo_async.cli.words import brief, record_of, task_line

__all__ = ["Collector"]

Act = Callable[[AsyncClient, str], Awaitable[None]]


@define
class Collector:
    """
    Some tasks, and what is done with each.

    Args:
        settings: The global options.
        ids: Which tasks.
        timeout: Seconds to wait for each, or None for ever.
    """

    settings: Settings
    ids: list[str]
    timeout: float | None = None
    _left: dict[str, None] = field(init=False)
    _codes: list[Exit] = field(factory=list, init=False)
    _arrivals: Arrivals = field(factory=Arrivals, init=False)
    _hopeless: AIVideoError | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._left = dict.fromkeys(self.ids)

    def look(self) -> Exit:
        """Look at each task once, and print them in the order asked for."""
        found: dict[str, Task] = {}

        async def look(client: AsyncClient, task_id: str) -> None:
            found[task_id] = await client.get_task(task_id)

        code = self._run(look)
        for task_id in self.ids:
            if task_id in found:
                self._print(found[task_id])
        return code

    def wait(self) -> Exit:
        """Wait for each task, and print it when it is final."""

        async def wait(client: AsyncClient, task_id: str) -> None:
            try:
                task = await client.wait(task_id, timeout=self.timeout)
            except TaskFailedError as error:
                task = error.task
                self._codes.append(code_of(error))
            self._print(task)

        return self._run(wait, again="wait")

    def download(self, folder: Path) -> Exit:
        """Wait for each task and save its files."""

        async def download(client: AsyncClient, task_id: str) -> None:
            task = await client.wait(task_id, timeout=self.timeout)
            saved = await client.download(task, folder, on_progress=self._arrivals)
            paths = [str(path) for path in saved]
            self.settings.console.record("task", **record_of(task), files=paths)
            for path in paths:
                self.settings.console.result(path)

        return self._run(download, again="download")

    def _run(self, act: Act, again: str | None = None) -> Exit:
        """Do *act* for all; name the command that goes on with what is left."""

        async def work(_: Interrupts) -> Exit:
            try:
                await self._each(act)
            finally:
                if again is not None and self._hopeless is None:
                    self.settings.console.pick_up(self._left, again)
            return worst(self._codes)

        return interrupts.run(work, collects=False)

    async def _each(self, act: Act) -> None:
        """Do *act* for all tasks side by side; one that fails stops no other."""
        async with connected(self.settings) as client:
            with (
                self.settings.console.progress(len(self.ids)) as progress,
                beating(progress, self._standing),
            ):
                async with anyio.create_task_group() as group:

                    async def one(task_id: str) -> None:
                        await self._one(act, client, task_id, progress)
                        if self._hopeless is not None:
                            group.cancel_scope.cancel()

                    for task_id in self.ids:
                        group.start_soon(one, task_id)
        if self._hopeless is not None:
            raise self._hopeless

    async def _one(
        self, act: Act, client: AsyncClient, task_id: str, progress: Progress
    ) -> None:
        try:
            await act(client, task_id)
        except AIVideoError as error:
            code = code_of(error)
            if code is Exit.CANNOT_WORK:  # it concerns all, so it is told once
                self._hopeless = error
                return
            self._failed(task_id, error, code, progress)
            if code is not Exit.SOME_FAILED:  # it may well work another time
                return
        else:
            progress.step()
        del self._left[task_id]

    def _failed(
        self, task_id: str, error: AIVideoError, code: Exit, progress: Progress
    ) -> None:
        error.task_id = task_id
        self._codes.append(code)
        self.settings.console.record("error", **error_fields(error, code))
        progress.step(f"{task_id}  {brief(error)}", ok=False)

    def _print(self, task: Task) -> None:
        self.settings.console.record("task", **record_of(task))
        self.settings.console.result(task_line(task))

    def _standing(self) -> str:
        here = f", {self._arrivals} here" if self._arrivals else ""
        return f"{len(self._left)} of {len(self.ids)} to go{here}. Ctrl-C leaves."
