"""
Pictures in a FastAPI app: order one, look at it, or watch it live.

    uvicorn fastapi_app:app --timeout-graceful-shutdown 10
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Body, Depends, FastAPI, Header, HTTPException, Request
from fastapi.responses import JSONResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.routing import Mount

import aivideo_async as ai
from _shop import PATIENCE, answer, callback_url_of, owners, receiver_of, view


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    """Keep one client for the whole process; streams end before it closes."""
    async with ai.shutdown_event() as closing, ai.AsyncClient(retry=PATIENCE) as client:
        hooks = receiver_of(client)
        app.router.routes.append(mount := Mount("/hooks", hooks))
        url = callback_url_of(hooks)
        yield {"client": client, "closing": closing, "callback_url": url}
        app.router.routes.remove(mount)


app = FastAPI(lifespan=lifespan)
Prompt = Annotated[str, Body(embed=True)]
User = Annotated[str, Header(alias="X-User")]  # in your app: who is signed in


def own(task_id: str, user: User) -> str:
    """Whoever knows an id could see the picture: let each see their own only."""
    if owners.get(task_id) != user:
        raise HTTPException(404, "No such shot.")
    return task_id


Own = Annotated[str, Depends(own)]


@app.post("/shots", status_code=202)
async def order(prompt: Prompt, user: User, request: Request) -> dict[str, str]:
    """Buy a picture, and do not wait for it."""
    shot = ai.GptImage2(prompt, aspect_ratio="1:1")
    state = request.state
    task = await state.client.submit(shot, callback_url=state.callback_url)
    owners[task.id] = user
    return {"id": task.id, "events": f"/shots/{task.id}/events"}


@app.get("/shots/{task_id}")
async def look(task_id: Own, request: Request) -> dict[str, Any]:
    """Look once."""
    return view(await request.state.client.get_task(task_id))


@app.get("/shots/{task_id}/events", response_class=EventSourceResponse)
async def events(task_id: Own, request: Request) -> AsyncIterator[ServerSentEvent]:
    """Tell each change; at a final one the browser has to close its EventSource."""
    state, task = request.state, None
    try:
        async for task in state.client.watch(task_id, until=state.closing):
            yield ServerSentEvent(event=task.status, data=view(task))
    except ai.AIVideoError as error:  # too late for another status
        yield ServerSentEvent(event="trouble", data=answer(error)[1])
        return
    if task is None or not task.is_final:  # the browser comes again in a second
        yield ServerSentEvent(event="closing", data={}, retry=1000)


@app.exception_handler(ai.AIVideoError)
async def failed(request: Request, error: ai.AIVideoError) -> JSONResponse:
    """Say what it means for a visitor; what it means for your money is in the log."""
    status, body, headers = answer(error)
    return JSONResponse(body, status, headers)
