"""What the tests of the emulator say to it, in few words."""

from __future__ import annotations

import json
import random
from typing import Any

from aivideo_async.emulator import Core, Reply, Request, Rule, Scenario

CREATE = "/v1/images/generations"
KEY = {"authorization": "Bearer sk-emulator"}


def core_of(*rules: Rule, speed: float = 1.0, seed: int = 1, **fields: Any) -> Core:
    """Build a core whose tasks all take ten seconds."""
    scenario = Scenario(rules=rules, **{"median": 10.0, "spread": 0.0} | fields)
    return Core(scenario, random.Random(seed), speed=speed)


def order(prompt: str = "a red mug", **values: Any) -> dict[str, Any]:
    """Write the body of a create."""
    return {"model": "gpt-image-2", "input": {"prompt": prompt, **values}}


def post(core: Core, body: Any = None, now: float = 0.0, path: str = CREATE) -> Reply:
    """Create a task, or post to another *path*."""
    content = json.dumps(order() if body is None else body).encode()
    return core.handle(Request("POST", path, KEY, content), now)


def get(core: Core, path: str, now: float = 0.0) -> Reply:
    """Look at *path*."""
    return core.handle(Request("GET", path, KEY), now)


def buy(core: Core, body: Any = None, now: float = 0.0) -> str:
    """Create a task and return its id."""
    task_id = read(post(core, body, now))["data"]["taskId"]
    assert isinstance(task_id, str)
    return task_id


def look(core: Core, task_id: str, now: float) -> Any:
    """Return the task object."""
    return read(get(core, f"/v1/tasks/{task_id}", now))


def read(reply: Reply) -> Any:
    """Decode a JSON answer."""
    return json.loads(reply.body)


def error_code(reply: Reply) -> tuple[int, str]:
    """Return the status and the documented code of a refusal."""
    return reply.status, read(reply)["error"]["code"]
