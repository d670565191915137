"""The API key, held so that nothing can print, log or pickle it by accident."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import NoReturn

__all__ = ["Secret"]


class Secret:
    """
    Text that shows itself only to `reveal`.

    Attributes:
        kind: The type of what it was made from; anything but text leaves it blank.

    Example:
        >>> Secret("sk-very-secret")
        Secret('***')
    """

    __slots__ = ("__blot", "__bytes", "__escaped", "__text", "kind")

    def __init__(self, text: str) -> None:
        self.kind = type(text).__name__
        self.__text = text if isinstance(text, str) else ""
        self.__bytes = self.__text.encode("utf-8", "replace")
        spelled = (
            b"(?:%s|\\\\u%04x)" % (re.escape(bytes([byte])), byte)
            for byte in self.__bytes
        )
        self.__escaped = re.compile(b"".join(spelled), re.IGNORECASE)
        # A short word that is no real key ("test") may well stand in a task's id.
        self.__blot = self.__text.startswith("sk-") or len(self.__text) >= 16

    def reveal(self) -> str:
        """Return the text. Keep it in no variable that a traceback could show."""
        return self.__text

    def is_blank(self) -> bool:
        """Tell whether there is no text."""
        return not self.__text.strip()

    def is_header_safe(self) -> bool:
        """Tell whether the text may stand in an HTTP header."""
        text = self.__text
        return text.isascii() and text.isprintable() and " " not in text

    def fingerprint(self) -> str:
        """Return what tells keys apart and gives nothing away."""
        return sha256(b"aivideo-async key " + self.__bytes).hexdigest()[:8]

    def redact(self, text: str) -> str:
        """Blot the secret out of *text*."""
        return text.replace(self.__text, "***") if self.__blot else text

    def redact_bytes(self, data: bytes) -> bytes:
        """Blot the secret out of *data*."""
        if not self.__blot:
            return data
        if b"\\u" in data:  # JSON may spell any character as \uXXXX
            data = self.__escaped.sub(b"***", data)
        return data.replace(self.__bytes, b"***")

    def __repr__(self) -> str:
        return "Secret('***')"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is never pickled")
