"""
Addresses for callbacks that only we can make, one for each request.

An address ends in a random nonce and its HMAC under the receiver's secret. So the secret
itself is never sent and stands in nobody's access log; whoever reads an address can use
that one again and make no other; and every process that knows the secret can check all.
"""

from __future__ import annotations

import hmac
import re
import secrets
from base64 import urlsafe_b64encode

from aivideo_async.errors import ConfigurationError
from aivideo_async.models.catalogue import is_absolute_http

__all__ = ["Addresses"]

LEAST_SECRET = 22
"""Characters of base64 that hold 128 bits."""

BYTES = 16

_TOKEN = re.compile(r"([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{22})")


class Addresses:
    """
    Make and recognise the addresses below one URL.

    Args:
        url: Where the service reaches the receiver.
        secret: At least 22 characters that nobody can guess.

    Raises:
        ConfigurationError: The URL cannot be called, or the secret could be guessed.

    Example:
        >>> addresses = Addresses("https://shop.example/hooks", "k" * 22)
        >>> token = addresses.fresh().removeprefix("https://shop.example/hooks/")
        >>> addresses.knows(token), addresses.knows(token.swapcase())
        (True, False)
    """

    def __init__(self, url: str, secret: str) -> None:
        # Inside the HMAC nothing can print, log or pickle it.
        signer = _signer(secret)
        del secret  # no traceback of ours may show it among its locals
        if signer is None:
            raise ConfigurationError(
                f"secret= must be text of at least {LEAST_SECRET} characters that nobody "
                "can guess, the same in every process. Make one and keep it like a "
                "password: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
            )
        if not is_absolute_http(url) or "?" in url or "#" in url:
            raise ConfigurationError(
                f"url={url!r}: pass the public http(s) address under which the service "
                "reaches the receiver, without '?' and '#'."
            )
        self._signer = signer
        self._url = url.rstrip("/")

    def fresh(self) -> str:
        """Return an address that was never used before."""
        nonce = secrets.token_urlsafe(BYTES)
        return self.of(f"{nonce}.{self._seal(nonce)}")

    def of(self, token: str) -> str:
        """Return the address that ends in *token*."""
        return f"{self._url}/{token}"

    def knows(self, token: str) -> bool:
        """Tell, in constant time, whether *token* is one of ours."""
        parts = _TOKEN.fullmatch(token)
        return parts is not None and hmac.compare_digest(self._seal(parts[1]), parts[2])

    def _seal(self, nonce: str) -> str:
        signer = self._signer.copy()
        signer.update(nonce.encode())
        return urlsafe_b64encode(signer.digest()[:BYTES]).decode().rstrip("=")


def _signer(secret: object) -> hmac.HMAC | None:
    if not isinstance(secret, str) or len(secret) < LEAST_SECRET:
        return None
    return hmac.new(secret.encode("utf-8", "surrogatepass"), digestmod="sha256")
