"""
The live page in front of the emulator's server: one document that looks again by itself.

It answers to the names of this machine alone, so that a foreign page cannot read it
under a name of its own (DNS rebinding), and its policy (CSP) lets the browser run and
fetch nothing but what is served here. No request to it reaches the service.
"""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from functools import lru_cache
from hashlib import sha256
from importlib import resources
from typing import TYPE_CHECKING

from aiohttp import web

from aivideo_async.emulator.pictures import Picture, render
from aivideo_async.models.strictjson import encode

if TYPE_CHECKING:
    from aivideo_async.emulator.live import Live

__all__ = ["LivePage"]

OWN_NAMES = re.compile(
    r"(localhost|127(\.[0-9]{1,3}){3}|\[::1\])(:[0-9]+)?", re.IGNORECASE
)

HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class LivePage:
    """
    Show *live* at ``/``; what the page asks for lies below ``/_emulator/``.

    Args:
        live: Who knows the story so far.
    """

    def __init__(self, live: Live) -> None:
        self._live = live
        folder = resources.files("aivideo_async.emulator") / "templates"
        self._html = (folder / "live.html").read_text("utf-8")
        self._headers = {**HEADERS, "Content-Security-Policy": policy(self._html)}

    def add_to(self, app: web.Application) -> None:
        """Take the page's paths in *app*, whatever the method."""
        for path in ("/", "/_emulator/{rest:.*}"):
            app.router.add_route("*", path, self._serve)

    async def _serve(self, request: web.Request) -> web.Response:
        if not OWN_NAMES.fullmatch(request.headers.get("Host", "")):
            return self._refuse(
                403, "This page answers to 127.0.0.1 and localhost only."
            )
        if request.method != "GET":
            return self._refuse(405, "Use GET.", Allow="GET")
        match request.path.split("/")[1:]:
            case [""]:
                return self._answer(self._html.encode(), "text/html; charset=utf-8")
            case ["_emulator", "state"]:
                return self._state(request)
            case ["_emulator", "thumbnails", task_id]:
                return await self._thumbnail(task_id)
            case _:
                return self._refuse(404, "Not Found")

    def _state(self, request: web.Request) -> web.Response:
        after = request.query.get("after", "")
        known = int(after) if re.fullmatch(r"[0-9]{1,15}", after) else 0
        now = asyncio.get_running_loop().time()
        return self._answer(encode(self._live.snapshot(now, known)), "application/json")

    async def _thumbnail(self, task_id: str) -> web.Response:
        picture = self._live.thumbnail(task_id, asyncio.get_running_loop().time())
        if picture is None:
            return self._refuse(404, "Not Found")
        return self._answer(await asyncio.to_thread(draw, picture), "image/png")

    def _answer(self, content: bytes, kind: str) -> web.Response:
        headers = {**self._headers, "Content-Type": kind}
        return web.Response(body=content, headers=headers)

    def _refuse(self, status: int, text: str, **headers: str) -> web.Response:
        headers |= {**self._headers, "Content-Type": "text/plain; charset=utf-8"}
        return web.Response(status=status, body=text.encode(), headers=headers)


def policy(html: str) -> str:
    """
    Return the policy (CSP) under which a browser shows *html*.

    Only the script and the style that stand in it run, known by their hashes.

    Example:
        >>> policy("<script></script><style></style>")[:34]
        "default-src 'none'; script-src 'sh"
    """
    script, style = (
        b64encode(sha256(found.encode()).digest()).decode()
        for tag in ("script", "style")
        for found in re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
    )
    return (
        f"default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{style}'; "
        "img-src 'self' data:; connect-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    )


@lru_cache(maxsize=256)
def draw(picture: Picture) -> bytes:
    """Draw a thumbnail, once for as long as it stands in the page."""
    return render(picture)
