"""
After an empty balance: a free look at the credits before a real create tries again.

The create that would be the probe is set aside, the look takes its turn, and what it
shows decides: the create leaves after all, or buying stays stopped for longer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from aivideo_async.engine.agenda import Agenda
from aivideo_async.engine.deliveries import Deliveries
from aivideo_async.engine.jobs import Job, Stage
from aivideo_async.errors import AIVideoError
from aivideo_async.models.tasks import Credits
from aivideo_async.policy.circuit import MoneyCircuit
from aivideo_async.policy.retry import NO_RETRY, Attempts

__all__ = ["BalanceCheck"]

log = logging.getLogger("aivideo_async")


class BalanceCheck:
    """
    Puts a look at the credits before the first create after an empty balance.

    Args:
        agenda: Where the create goes back to.
        deliveries: Knows the jobs.
        money: Is told what the look shows.
        time: The loop's clock.
    """

    def __init__(
        self,
        agenda: Agenda,
        deliveries: Deliveries,
        money: MoneyCircuit,
        time: Callable[[], float],
    ) -> None:
        self._agenda = agenda
        self._deliveries = deliveries
        self._money = money
        self._time = time

    def before(self, job: Job) -> Job:
        """Return what has to leave first: a look at the credits, or *job* itself."""
        if job.stage is not Stage.CREATE or not self._money.asks_balance():
            return job
        self._money.asking()
        look = Job(
            Stage.LOOK,
            _Onlooker(self, job),
            Attempts(NO_RETRY, None),
            path="/v1/credits",
        )
        self._deliveries.jobs.add(look)
        return look

    def answered(self, job: Job, balance: Decimal | None) -> None:
        """
        Send *job* back to its turn, to probe if the balance may suffice.

        If not, the circuit refuses it there. None is a look that broke.
        """
        price = job.price or Decimal(0)
        funded = balance is None or balance >= max(price, Decimal("0.001"))
        self._money.answered(self._time(), funded=funded)
        self._agenda.add_again(job)
        if not funded:
            log.warning("The balance is still too low: %s credits.", balance)


class _Onlooker:
    """Waits for the look; nobody else does."""

    claims = False

    def __init__(self, check: BalanceCheck, job: Job) -> None:
        self._check, self._job = check, job

    def give(self, result: Any) -> bool:
        """Read the balance."""
        try:
            balance = Credits.from_json(result).balance
        except ValueError:
            balance = None
        self._check.answered(self._job, balance)
        return True

    def fail(self, error: AIVideoError) -> bool:
        """Let the create find out: being refused costs nothing."""
        self._check.answered(self._job, None)
        return True
