"""
Reading a create as strictly as the service documents it.

The catalogue says what is valid; the texts follow the service's own pattern, a quoted
dotted path and the rule that it breaks.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any

from attrs import frozen

from aivideo_async.emulator.reply import Reply, refusal, undocumented
from aivideo_async.models.catalogue import (
    ModelSpec,
    catalogue,
    credits_for,
    is_absolute_http,
    problems,
    spec_for,
)
from aivideo_async.models.strictjson import decode

__all__ = ["LARGEST_BODY", "Order", "Refused", "endpoints", "invalid", "read_order"]

LARGEST_BODY = 2**20
"""Bytes; what the service takes is not documented, and no valid order comes near."""


class Refused(Exception):  # noqa: N818  (an answer, not a failure)
    """Ends the work on a request with the reply that it carries."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


@frozen
class Order:
    """A valid create, or one whose price is asked."""

    model: str
    spec: ModelSpec
    input: Mapping[str, Any]
    callback_url: str | None = None

    @property
    def prompt(self) -> str:
        """Its words; empty where there are none."""
        return self.input.get("prompt") or ""

    def price(self, table: int) -> Decimal:
        """Return what it costs, in credits, by a price table of its model."""
        tables = len(self.spec.prices)
        return credits_for(self.spec, self.input, min(table, tables - 1)) or Decimal(0)

    @property
    def fingerprint(self) -> str:
        """The hash of what is bought, however it was written and whoever is called."""
        given = {name: each for name, each in self.input.items() if each is not None}
        text = json.dumps([self.model, given], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def edits(self) -> bool:
        """Whether it works from references."""
        return bool(self.spec.references and self.input.get(self.spec.references))

    @property
    def variant(self) -> str:
        """The name of the model behind the model, as the service's metadata shows it."""
        modes = self.spec.modes[self.edits :]
        return "-".join((self.model, *modes[:1]))


@cache
def endpoints() -> frozenset[str]:
    """Return the paths at which something can be created."""
    return frozenset(spec.endpoint for spec in catalogue().values())


def read_order(path: str | None, body: bytes) -> Order:
    """
    Read the *body* of a create at *path*, or of an estimate, for which it is None.

    Raises:
        Refused: It breaks a rule; the reply is the documented error.
    """
    fields = _object(body)
    model = _required(fields, "model", str, "must be a string.")
    spec = spec_for(model)
    if spec is None or path not in (spec.endpoint, None):
        raise Refused(
            refusal(
                "model_not_found", f"Model '{model}' does not exist or is inactive."
            )
        )
    values = _required(fields, "input", dict, "must be an object.")
    callback_url = _callback(fields.get("callback_url"))
    for problem in problems(spec, values):
        raise invalid(f"input.{problem.path}", problem.rule)
    return Order(model, spec, values, callback_url)


def _object(body: bytes) -> dict[str, Any]:
    if len(body) > LARGEST_BODY:
        text = f"The body has more than {LARGEST_BODY:,} bytes."
        raise Refused(undocumented(413, "request_too_large", text))
    try:
        fields = decode(body)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise invalid("body", "must be a JSON object.")
    return fields


def _required(fields: dict[str, Any], name: str, kind: type, rule: str) -> Any:
    value = fields.get(name)
    if value is None:
        raise invalid(name, "is required.")
    if not isinstance(value, kind):
        raise invalid(name, rule)
    return value


def _callback(url: Any) -> str | None:
    if url is not None and not is_absolute_http(url):
        raise invalid("callback_url", "must be an absolute http(s) URL.")
    return url or None


def invalid(path: str, rule: str) -> Refused:
    """Refuse a field in the service's own pattern: its quoted path, then the rule."""
    return Refused(refusal("invalid_request", f"'{path}' {rule}"))
