"""Calls to a receiver as a server makes them, without a server."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aivideo_async.callbacks import CallbackReceiver

__all__ = ["END", "URL", "call", "part", "whole"]

URL = "https://shop.example/hooks"
END: dict[str, Any] = {"type": "http.disconnect"}


def part(body: bytes, *, more: bool = True) -> dict[str, Any]:
    """Make a piece of a body."""
    return {"type": "http.request", "body": body, "more_body": more}


def whole(task_id: str) -> dict[str, Any]:
    """Make the body of a callback."""
    return part(json.dumps({"id": task_id}).encode(), more=False)


async def call(
    receiver: CallbackReceiver,
    *messages: dict[str, Any],
    url: str | None = None,
    path: str = "/hooks{}",
) -> int:
    """Call *url*, or a fresh address; after the messages nothing comes any more."""
    inbox = list(messages)
    outbox: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not inbox:
            await asyncio.Event().wait()
        return inbox.pop(0)

    async def send(message: Any) -> None:
        outbox.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": path.format((url or receiver.url_for()).removeprefix(URL)),
        "headers": [(b"content-type", b"application/json")],
    }
    await receiver(scope, receive, send)
    start, end = outbox
    assert not end.get("more_body", False)
    return int(start["status"])
