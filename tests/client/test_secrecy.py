"""The key: it goes into one header to one origin, and is to be found nowhere else."""

from __future__ import annotations

import copy
import io
import logging
import pickle
import traceback
from typing import Any

import pytest

from aivideo_async import AIVideoError, AsyncClient, ConfigurationError, Emulator
from aivideo_async.emulator import Act, Reply, Rule, Scenario, acts
from tests.client.world import mug

KEY = "sk-emulator"  # the only one that the emulator takes


def everything(thing: object, depth: int = 6) -> str:
    """Show *thing* with all that hangs on it, a few steps deep."""
    seen: set[int] = set()
    shown: list[str] = []

    def walk(thing: object, depth: int) -> None:
        if id(thing) in seen or not depth or isinstance(thing, type):
            return
        seen.add(id(thing))
        shown.append(_safely(thing))
        if isinstance(thing, dict):
            for pair in list(thing.items()):
                walk(pair, depth - 1)
        elif isinstance(thing, list | tuple | set | frozenset):
            for item in list(thing):
                walk(item, depth - 1)
        else:
            walk(getattr(thing, "__dict__", {}), depth)
            for name in _slots(thing):
                walk(getattr(thing, name, None), depth - 1)

    walk(thing, depth)
    return "\n".join(shown)


def _safely(thing: object) -> str:
    try:
        return f"{thing!r} {thing!s}"
    except Exception:
        return ""


def _slots(thing: object) -> list[str]:
    return [
        name
        for cls in type(thing).__mro__
        for name in getattr(cls, "__slots__", ())
        if not name.startswith("__")
    ]


def told(error: BaseException | None) -> str:
    """Show an error as a crash reporter would: with the locals of our every frame."""
    shown = []
    while error is not None:
        shown += [*traceback.format_exception(error), everything(error)]
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if "aivideo_async" in frame.f_code.co_filename:
                shown.append(everything(frame.f_locals))
        error = error.__cause__ or error.__context__
    return "\n".join(shown)


# --- the client -------------------------------------------------------------------


def test_a_client_does_not_show_its_key():
    """Neither repr nor str nor anything that it holds."""
    client = AsyncClient("sk-very-secret")
    assert "very-secret" not in f"{client!r} {client!s} {vars(client)}"
    assert "very-secret" not in everything(client)


@pytest.mark.parametrize("how", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_client_is_not_copied_with_its_key(how: Any):
    """If it can be pickled or copied at all, the key does not go along."""
    client = AsyncClient("sk-very-secret")
    try:
        made = how(client)
    except Exception as error:
        made = str(error)
    assert b"very-secret" not in (made if isinstance(made, bytes) else b"")
    assert "very-secret" not in repr(made)


@pytest.mark.parametrize(
    "options",
    [
        {"base_url": "http://elsewhere.test"},
        {"base_url": "nonsense"},
        {"max_in_flight": 0},
        {"rate": -1},
        {"rate": 1, "throttle": object()},
        {"proxy": "nonsense"},
        {"max_connections": "many"},
    ],
    ids=[
        "plain-http",
        "nonsense",
        "no-slot",
        "rate",
        "two-rates",
        "proxy",
        "connections",
    ],
)
def test_a_client_that_cannot_be_made_does_not_show_its_key(options: dict[str, Any]):
    """Not even to a crash reporter that prints the locals of every frame of ours."""
    with pytest.raises(Exception) as caught:
        AsyncClient("sk-very-secret", **options)
    shown = told(caught.value).replace('AsyncClient("sk-very-secret"', "")
    assert "very-secret" not in shown


def test_a_key_that_is_refused_is_not_shown():
    """Nor a part of it."""
    with pytest.raises(ConfigurationError) as caught:
        AsyncClient("sk-very secret")
    assert "very" not in str(caught.value)


# --- requests ---------------------------------------------------------------------

ECHO = Act(reply=Reply(400, {}, f'{{"error":{{"message":"bad key {KEY}"}}}}'.encode()))
FAULTS = {
    "refused": acts.refuse("invalid_api_key"),
    "server error": acts.refuse("internal_error"),
    "html": acts.BAD_GATEWAY,
    "lost": acts.LOST_REPLY,
    "dropped": acts.DROPPED,
    "truncated": acts.TRUNCATED,
    "broken json": acts.BROKEN_JSON,
    "echo": ECHO,
    "echo as success": Act(reply=Reply(200, {}, f'{{"key":"{KEY}"}}'.encode())),
    "redirect": Act(reply=Reply(302, {"location": f"https://x.test/?key={KEY}"})),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_no_error_and_no_line_of_the_log_holds_the_key(fault: Act):
    """str, repr, args, attributes, pickle, traceback with locals, DEBUG of all logs."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    told_of: list[str] = []
    try:
        emulator = Emulator(Scenario(rules=(Rule("any", fault),)))
        async with emulator, emulator.client() as client:
            for call in (client.submit(mug()), client.credits()):
                with pytest.raises(AIVideoError) as caught:
                    await call
                told_of += [told(caught.value), repr(pickle.dumps(caught.value))]
            told_of.append(everything(client))
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    assert KEY not in stream.getvalue()
    assert KEY not in "\n".join(told_of)
