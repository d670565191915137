"""
Triggers: words in a prompt that choose what happens to it.

As with the card numbers by which payment services are tested, a tester needs no code
for it: ``a red mug @slow:30 @fail:upstream_error`` works from a cell of a sheet. Only
the emulator understands them.

A trigger is ``@``, its name in lower case and, for most, ``:`` and a value, at the
beginning of a word. Several may stand in one prompt. One that is not known is refused
with the list of those that are, so that a slip of the pen does not go unnoticed.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from attrs import field, frozen

from aivideo_async.emulator import acts
from aivideo_async.emulator.acts import Act
from aivideo_async.emulator.reply import DOCUMENTED

__all__ = ["TRIGGERS", "Trigger", "TriggerBook", "TriggerKind", "read_triggers"]

_WORD = re.compile(r"(?<!\S)@([a-z0-9]+)(?::([a-z0-9_]+(?:\.[0-9]+)?))?")


@frozen
class Trigger:
    """
    What one trigger asks for.

    Attributes:
        act: What happens to the create; None to sell honestly.
        course: What is special about the task; fields of an `acts.Course`.
        times: How many creates with the same prompt meet the act; None for all.
    """

    act: Act | None = None
    course: Mapping[str, Any] = field(factory=dict)
    times: int | None = None


@frozen
class TriggerKind:
    """
    A trigger as people look it up.

    Attributes:
        usage: How it is written, such as ``@slow:SECONDS``.
        about: What it does, in a line.
        read: Turns the value behind the colon into the trigger; raises ValueError.
    """

    usage: str
    about: str
    read: Callable[[str], Trigger]


def _code(value: str) -> str:
    if value not in DOCUMENTED:
        raise ValueError(f"its code is one of {', '.join(DOCUMENTED)}")
    return value


def _seconds(value: str) -> float:
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", value):
        raise ValueError("its value is a number of seconds")
    return float(value)


def _count(value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,2}", value):
        raise ValueError("its value is a number up to 99")
    return int(value)


def _fail(value: str) -> Trigger:
    if not value[:1].isalpha():
        raise ValueError("its value is an error code, such as upstream_error")
    return Trigger(course={"fails": value})


def _plain(trigger: Trigger) -> Callable[[str], Trigger]:
    """Read a trigger that has no value."""

    def read(value: str) -> Trigger:
        if value:
            raise ValueError("it takes no value")
        return trigger

    return read


TRIGGERS: Mapping[str, TriggerKind] = {
    kind.usage[1:].partition(":")[0]: kind
    for kind in (
        TriggerKind("@fail:CODE", "the task fails with that code; refunded", _fail),
        TriggerKind(
            "@slow:SECONDS",
            "the task takes that long, at real speed",
            lambda value: Trigger(course={"seconds": _seconds(value)}),
        ),
        TriggerKind(
            "@stuck",
            "the task never ends",
            _plain(Trigger(course={"seconds": math.inf})),
        ),
        TriggerKind(
            "@empty",
            "the task completes without a file",
            _plain(Trigger(course={"empty": True})),
        ),
        TriggerKind(
            "@expired",
            "the first address that the finished task shows has expired",
            _plain(Trigger(course={"expired": True})),
        ),
        TriggerKind(
            "@truncate",
            "the first download of its file breaks off",
            _plain(Trigger(course={"truncated": True})),
        ),
        TriggerKind(
            "@callback:N",
            "its callback is sent N times, 0 for never",
            lambda value: Trigger(course={"calls": _count(value)}),
        ),
        TriggerKind(
            "@refuse:CODE",
            "the create is refused with that documented error; not charged",
            lambda value: Trigger(acts.refuse(_code(value))),
        ),
        TriggerKind(
            "@429:N",
            "the first N creates of this prompt meet the rate limit; not charged",
            lambda value: Trigger(
                acts.refuse("rate_limit_exceeded"), times=_count(value)
            ),
        ),
        TriggerKind(
            "@charged:CODE",
            "the task is made and charged, and answered with that error",
            lambda value: Trigger(acts.refuse(_code(value), charged=True)),
        ),
        TriggerKind(
            "@drop",
            "charged, and the connection closes without an answer",
            _plain(Trigger(acts.LOST_REPLY)),
        ),
        TriggerKind(
            "@hang", "charged, and no answer ever comes", _plain(Trigger(acts.HANGING))
        ),
    )
}
"""The triggers by name."""


def read_triggers(prompt: str) -> Mapping[str, Trigger]:
    """
    Return the triggers in *prompt* by name, in order.

    Raises:
        ValueError: One is not known or has a wrong value; the text lists those there
            are.

    Example:
        >>> read_triggers("a mug for me@example.com @slow:30")["slow"].course
        {'seconds': 30.0}
    """
    return {name: _read(name, value) for name, value in _WORD.findall(prompt)}


def _read(name: str, value: str) -> Trigger:
    kind = TRIGGERS.get(name)
    if kind is None:
        known = ", ".join(kind.usage for kind in TRIGGERS.values())
        raise ValueError(
            f"holds @{name}, which is no trigger of the emulator: use {known}; "
            "or write a space after the @."
        )
    try:
        return kind.read(value)
    except ValueError as error:
        raise ValueError(f"holds @{name}, written {kind.usage}: {error}.") from None


class TriggerBook:
    """
    Keep count of the triggers that wear off, and say what a prompt asks for.

    Example:
        >>> book = TriggerBook()
        >>> [book.pick("a mug @429:1")[0] is None for _ in range(2)]
        [False, True]
    """

    def __init__(self) -> None:
        self._met: Counter[tuple[str, str]] = Counter()

    def pick(self, prompt: str) -> tuple[Act | None, Mapping[str, Any]]:
        """
        Return the act for a create with this *prompt*, and what its task is to be like.

        Of several acts the first that has not worn off is chosen.

        Raises:
            ValueError: See `read_triggers`.
        """
        act, course = None, dict[str, Any]()
        for name, trigger in read_triggers(prompt).items():
            course.update(trigger.course)
            if act is None and trigger.act is not None:
                act = trigger.act if self._holds(prompt, name, trigger.times) else None
        return act, course

    def _holds(self, prompt: str, name: str, times: int | None) -> bool:
        if times is None:
            return True
        self._met[prompt, name] += 1
        return self._met[prompt, name] <= times
