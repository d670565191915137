"""Other people's text and values, made fit to be shown."""

from __future__ import annotations

__all__ = ["is_unicode", "printable", "show"]


def printable(text: str | bytes, limit: int = 2048) -> str:
    """Make the server's *text* safe for terminals and logs, cut at *limit*."""
    if isinstance(text, bytes):
        text = text[:limit].decode("utf-8", "replace")
    text = text[:limit]
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else " " for char in text)


def show(value: object) -> str:
    """Show *value* in a message, however long it is."""
    try:
        text = repr(value)
    except ValueError:  # an int of more digits than Python likes to print
        text = f"a huge {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}…"


def is_unicode(text: str) -> bool:
    """Tell whether *text* can be written as UTF-8: Python's may hold half characters."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
