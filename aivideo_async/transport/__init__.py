"""The wire: the one door through which requests reach the API."""

from aivideo_async.transport.base import Timeouts, Transport

__all__ = ["Timeouts", "Transport"]
