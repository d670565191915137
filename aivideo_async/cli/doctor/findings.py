"""What a check of ``aivideo doctor`` found."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from aivideo_async.cli.console import Console
from aivideo_async.cli.exits import Exit
from aivideo_async.models.text import printable

__all__ = ["Finding", "ok", "print_all", "problem", "warning"]


@frozen
class Finding:
    """
    The result of one check.

    Attributes:
        name: What was checked.
        level: ``ok``, ``warning`` or ``problem``.
        text: What was found.
        remedy: What to do about it.
        code: What a problem means for the exit code.
    """

    name: str
    level: str
    text: str
    remedy: str = ""
    code: Exit = Exit.DONE


def ok(name: str, text: str) -> Finding:
    """Find nothing wrong."""
    return Finding(name, "ok", text)


def warning(name: str, text: str, remedy: str) -> Finding:
    """Find something that works and could be better."""
    return Finding(name, "warning", text, remedy)


def problem(name: str, text: str, remedy: str, code: Exit) -> Finding:
    """Find what keeps it from working."""
    return Finding(name, "problem", text, remedy, code)


def print_all(console: Console, findings: Iterable[Finding]) -> None:
    """Print each in a line, and its remedy in another."""
    for found in findings:
        console.record(
            "check",
            name=found.name,
            level=found.level,
            message=found.text,
            remedy=found.remedy or None,
        )
        console.result(f"{found.level:<8} {found.name:<8} {printable(found.text)}")
        if found.remedy:
            console.result(f"{'':<17} -> {printable(found.remedy)}")
