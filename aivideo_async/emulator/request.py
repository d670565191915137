"""What reaches the emulated service, where it goes, and how it is logged."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from aivideo_async.emulator.intake import Refused, endpoints
from aivideo_async.emulator.reply import Fate, undocumented
from aivideo_async.emulator.rules import Place

__all__ = ["Received", "Request", "place_of"]


@frozen
class Request:
    """
    One request as it reaches the service.

    Attributes:
        method: Such as ``GET``.
        path: With its query.
        headers: Looked up in lower case.
        body: The bytes of the body.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


@frozen
class Received:
    """
    One line of the emulator's log.

    Attributes:
        at: When, in seconds of the loop.
        method: Such as ``GET``.
        path: With its query.
        status: The HTTP status that went out, or None if no answer did.
        body: The bytes of the request's body; of a huge one, the first 128 KiB.
        fate: How the connection behaved.
    """

    at: float
    method: str
    path: str
    status: int | None
    body: bytes = field(repr=False)
    fate: Fate = Fate.ANSWER


def place_of(method: str, path: str) -> Place:
    """
    Find which door *path* is.

    Raises:
        Refused: There is none (404), or it takes another method (405).
    """
    place: Place
    if path in endpoints():
        place, allowed = "create", "POST"
    elif path.startswith("/v1/tasks/"):
        place, allowed = "task", "GET"
    elif path == "/v1/credits":
        place, allowed = "credits", "GET"
    elif path == "/v1/estimate":
        place, allowed = "estimate", "POST"
    elif path.startswith("/files/"):
        place, allowed = "file", "GET"
    else:
        raise Refused(undocumented(404, "not_found", f"No such path: {path}"))
    if method != allowed:
        raise Refused(
            undocumented(405, "method_not_allowed", f"Use {allowed}.", allow=allowed)
        )
    return place
