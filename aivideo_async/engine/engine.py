"""
The engine: jobs in, requests out, results back.

Jobs wait in the `Agenda`, leave through the `Gate`, are carried out by the `Workers`,
and what comes back is recorded by `Creates` or `Looks`, which hand it over through
`Deliveries`. A job that may be tried again goes back into the agenda: that is the one
attempt loop there is.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import random
from collections.abc import Callable

from attrs import asdict

from aivideo_async.engine.agenda import Agenda
from aivideo_async.engine.balance import BalanceCheck
from aivideo_async.engine.books import Books
from aivideo_async.engine.callbacks import Callbacks
from aivideo_async.engine.closing import cut_off, defect, wait_stubbornly
from aivideo_async.engine.creates import Creates
from aivideo_async.engine.deliveries import Deliveries
from aivideo_async.engine.gate import Gate, arrived
from aivideo_async.engine.jobs import Job, Stage
from aivideo_async.engine.keys import Keys
from aivideo_async.engine.looks import Looks
from aivideo_async.engine.recall import Recall
from aivideo_async.engine.stats import Counters, Stats
from aivideo_async.engine.workers import Workers
from aivideo_async.errors import (
    AIVideoError,
    BudgetExceededError,
    ConfigurationError,
    JournalError,
    NetworkError,
    NotSentError,
)
from aivideo_async.journal import Journal
from aivideo_async.models.wire import Exchange, Fault, FaultKind, WireRequest
from aivideo_async.policy.budget import Budget
from aivideo_async.policy.polling import Polling
from aivideo_async.throttle import Throttle
from aivideo_async.transport.base import Transport

__all__ = ["Engine"]

log = logging.getLogger("aivideo_async")


class Engine:
    """
    All that one client has under way; bound to the running loop.

    Args:
        transport: The wire.
        throttle: When requests may leave; possibly shared with other clients.
        polling: When to look at running tasks.
        budget: What may be spent.
        max_in_flight: Slots of the pool.
        max_connections: Requests open at once.
        rng: Spreads pauses and polls.
        journal: Where it is kept what was bought; open, or None.
    """

    def __init__(
        self,
        transport: Transport,
        throttle: Throttle,
        polling: Polling,
        budget: Budget,
        *,
        max_in_flight: int,
        max_connections: int,
        rng: random.Random,
        journal: Journal | None = None,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self._time = self.loop.time
        self._transport = transport
        self._throttle = throttle
        self.budget = budget
        counters = self._counters = Counters()
        agenda = self._agenda = Agenda(max_in_flight)
        books = self._books = Books(journal)
        keys = Keys(self._enter)
        deliveries = self._deliveries = Deliveries(
            agenda, counters, budget, books, keys
        )
        gate = self._gate = Gate(throttle, self._time, counters)
        callbacks = self._callbacks = Callbacks(
            agenda, deliveries, counters, budget, books
        )
        looks = self._looks = Looks(
            agenda, deliveries, gate, callbacks, budget, books, polling, counters, rng
        )
        self._creates = Creates(
            agenda, deliveries, gate, looks, budget, books, counters, rng
        )
        self._recall = Recall(books, keys, deliveries, looks, budget, self._time)
        self._balance = BalanceCheck(agenda, deliveries, gate.money, self._time)
        self.at_close: set[Callable[[], None]] = set()
        # One of each for all deadlines: thousands may be set.
        self._on_deadline, self._no_context = self._expire, contextvars.Context()
        self._workers = Workers(
            max_connections, self._take, self._serve, self._gate.unused
        )
        throttle.subscribe(self._workers.pump)
        books.on_trouble(self._creates.withdraw_all)
        self._recall.take_up()
        self._workers.pump()

    # --- for callers -------------------------------------------------------------

    def buy(self, job: Job, timeout: float | None = None) -> None:
        """
        Queue a create; its recipient hears at once if nothing may be bought.

        What the journal knows by its key is not bought again.

        Raises:
            ConfigurationError: The client is closed.
        """
        self._open(job)
        if self._set_timer(job, timeout):
            self._enter(job)

    def _enter(self, job: Job) -> None:
        try:
            if self._recall.answers(job):
                self._workers.pump()
                return
            job.reserved = self.budget.reserve(job.price)
        except (JournalError, BudgetExceededError) as error:
            self._deliveries.fail(job, error)
            return
        refusal = self._books.refusal() or self._gate.refusal(job)
        if refusal is not None:
            self._deliveries.fail(job, refusal)
            return
        if job.own_url is not None:
            self._deliveries.called[job.own_url] = job
        self._agenda.add_create(job)
        self._workers.pump()

    def refuse(self, job: Job, error: AIVideoError) -> None:
        """Fail a create that never gets into the queue."""
        self._deliveries.fail(job, error)

    def look(self, job: Job) -> None:
        """Queue a single look."""
        self._open(job)
        self._agenda.add_look(job)
        self._workers.pump()

    def follow(self, job: Job, timeout: float | None = None) -> None:
        """Follow a task until it is final; the first look is at once."""
        self._open(job)
        if self._set_timer(job, timeout):
            self._recall.let_go(job.task_id or "")
            self._looks.follow(job, self._time(), at_once=True)
            self._workers.pump()

    def called_back(self, task_id: str, url: str | None) -> bool:
        """Act on a callback; tell whether it means anything here."""
        if self._deliveries.closing:
            return False
        heard = self._callbacks.heard(task_id, url, self._time())
        self._workers.pump()
        return heard

    def abandon(self, job: Job) -> None:
        """Note that the caller is gone: withdraw the job, or keep its paid task."""
        if job.on_wire:
            job.abandoned = True
            return
        if job.stage is not Stage.DONE:
            self._deliveries.finish(job)
        if job.bought and job.task_id is not None:
            self._deliveries.keep_unclaimed(job.task_id, "its caller is gone")
        self._workers.pump()

    def withdraw(self, job: Job, error: AIVideoError) -> None:
        """Fail *job* if it is a create that is not on the wire."""
        self._creates.withdraw(job, error)

    def keep_unclaimed(self, task_id: str) -> None:
        """Keep the id of a paid task that was not handed out."""
        self._deliveries.keep_unclaimed(task_id, "its caller is gone")

    def claim(self, task_id: str) -> None:
        """Note that a caller has got this task after all."""
        if task_id in self._deliveries.unclaimed:
            self._deliveries.claim(task_id)

    @property
    def unclaimed(self) -> tuple[str, ...]:
        """Ids paid for that no caller got, oldest first."""
        return tuple(self._deliveries.unclaimed)

    def stats(self) -> Stats:
        """Return a snapshot."""
        jobs = self._deliveries.jobs
        return Stats(
            in_flight=self._agenda.in_flight,
            queued=sum(job.stage is Stage.CREATE and not job.on_wire for job in jobs),
            following=sum(job.is_followed for job in jobs),
            connections=self._workers.busy(),
            unclaimed=len(self._deliveries.unclaimed),
            held_for=self._gate.held_for(),
            committed=self.budget.committed,
            **asdict(self._counters),
        )

    def _open(self, job: Job) -> None:
        if self._deliveries.closing:
            raise ConfigurationError(
                "This client is closed; nothing was sent. Use it inside its "
                "'async with', or make a new one."
            )
        self._deliveries.jobs.add(job)

    def _set_timer(self, job: Job, timeout: float | None) -> bool:
        """Set the caller's deadline; return False if it has passed already."""
        if timeout is None:
            return True
        if timeout <= 0:
            self._expire(job)
            return False
        job.timer = self.loop.call_later(
            timeout, self._on_deadline, job, context=self._no_context
        )
        return True

    def _expire(self, job: Job) -> None:
        self._deliveries.end_waiting(job, "Time ran out")
        self._workers.pump()

    async def kept(self, job: Job) -> None:
        """Wait until what is known of the job is in the journal, if there is one."""
        await self._books.kept(job)

    # --- for workers -------------------------------------------------------------

    def _take(self) -> Job | None:
        """Return the next job that may leave now, its permission taken."""
        if self._deliveries.closing:
            return None
        if self._agenda.is_empty():  # asked after each request, so this is most often
            self._gate.idle()
            return None
        now, buys = self._time(), self._gate.buys()
        self._agenda.buying = buys <= now
        while self._agenda.ready(now):
            opens = self._gate.opens(now)
            if opens > now:
                self._looks.rank(now)
                self._workers.wake_at(opens)
                return None
            job = self._agenda.next()
            if (refusal := self._gate.refusal(job)) is None:
                job = self._balance.before(job)
                self._gate.pass_through(job, now)
                return job
            self._deliveries.fail(job, refusal)
        self._gate.idle()
        due = self._agenda.next_due()
        self._workers.wake_at(due if buys <= now else min(due, buys))
        return None

    async def _serve(self, job: Job) -> None:
        """Carry out the request of *job* and record what came back, in one step."""
        if job.stage is Stage.DONE:  # withdrawn since it was taken
            self._gate.unused(job)
            return
        wire = WireRequest(job.method, job.target, job.body)
        record = self._record_look
        if job.stage is Stage.CREATE:
            record = self._record_create
            job.wire, job.charged = wire, True
        try:
            exchange = await self._send(job, wire)
        except JournalError as error:
            if job.wire is wire:  # else it was recorded when the client closed by force
                self._creates.unwritten(job, error)
            return
        except asyncio.CancelledError:
            record(job, wire, cut_off(wire.sent))
            raise
        except Exception as error:
            # What it sent is anybody's guess, so it counts as sent.
            log.exception("The transport raised, which it must not.")
            fault = Fault(FaultKind.BROKEN, type(error).__name__)
            exchange = Exchange(sent=True, error=fault)
        record(job, wire, exchange)

    async def _send(self, job: Job, wire: WireRequest) -> Exchange:
        """Send a request; a create only once the intent to is durable."""
        if job.wire is None:
            self._counters.looks_sent += 1
        else:
            self.budget.sent(job.reserved)
            await self._books.intend(job)
            if job.abandoned or self._deliveries.closing:
                return cut_off(sent=False)
            self._counters.creates_sent += 1
        return await self._transport.exchange(wire)

    def _record_create(self, job: Job, wire: WireRequest, exchange: Exchange) -> None:
        if job.wire is not wire:
            return  # it was recorded when the client closed by force
        try:
            arrival = arrived(exchange, self._time())
            self._creates.record(job, arrival)
            self._callbacks.recall(job, arrival.now)
        except Exception as error:  # noqa: BLE001
            self._own_up(job, error)

    def _record_look(self, job: Job, wire: WireRequest, exchange: Exchange) -> None:
        try:
            self._looks.record(job, arrived(exchange, self._time()))
        except Exception as error:  # noqa: BLE001
            self._own_up(job, error)

    def _own_up(self, job: Job, error: Exception) -> None:
        """Fail *job* for a bug of ours, which must leave no caller waiting for ever."""
        what = "Recording the answer about task %s failed."
        log.error(what, job.task_id, exc_info=error)
        self._deliveries.fail(job, defect(job))

    # --- closing -----------------------------------------------------------------

    async def aclose(self, patience: float) -> None:
        """
        Let go of everybody; wait up to *patience* seconds for creates on the wire.

        The first cancellation does not end it, the second does: then every create that
        is still open is recorded as unknown.
        """
        if not self._deliveries.closing:
            self._deliveries.closing = True
            self._tell_of_open_creates(patience)
            self._throttle.unsubscribe(self._workers.pump)
            self._dismiss_callers()
            for note in tuple(self.at_close):
                note()
            self._workers.stop(lambda job: job is None or not job.on_wire)
        await self._drain(patience)

    def _dismiss_callers(self) -> None:
        for job in list(self._deliveries.jobs):
            if job.on_wire:
                continue
            if job.stage is Stage.CREATE:
                self._deliveries.fail(job, NotSentError(_CLOSED + "Nothing was sent."))
            elif job.stage is Stage.LOOK:
                self._deliveries.fail(job, NetworkError(_CLOSED + "Ask again."))
            else:
                if job.bought and job.task_id is not None:
                    why = "the client was closed before it was final"
                    self._deliveries.keep_unclaimed(job.task_id, why)
                self._deliveries.end_waiting(job, "The client was closed")

    def _tell_of_open_creates(self, patience: float) -> None:
        open_creates = sum(job.on_wire for job in self._deliveries.jobs)
        if open_creates:
            log.warning(
                "Closing: waiting up to %g s for %d paid requests on the wire, to "
                "keep their task ids. A second cancellation (Ctrl-C) gives them up.",
                patience,
                open_creates,
            )

    async def _drain(self, patience: float) -> None:
        try:
            await wait_stubbornly(self._workers.tasks(), patience)
        finally:
            self._give_up_creates()
        await wait_stubbornly(self._workers.tasks(), patience)

    def _give_up_creates(self) -> None:
        """Record what is still on the wire as unknown, and end the workers."""
        for job, wire in [(job, job.wire) for job in self._deliveries.jobs if job.wire]:
            # Its worker still runs, so its bytes may leave even now.
            self._record_create(job, wire, cut_off(sent=True))
        self._workers.stop(lambda _: True)


_CLOSED = "The client was closed before this request left. "
