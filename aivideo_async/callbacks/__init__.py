"""
The service's callbacks, received in your own web app.

A callback is not signed, may be lost, late, repeated or forged, and says only that a
task has ended. So it is taken for a hint and nothing more: whoever waits for that task
looks again at once, and believes what the service answers to our own key.

    receiver    what people use: an address for each request, and the door at its end
    ├── address     addresses that only we can make
    ├── intake      what may come through the door: the id of a task, and nothing else
    └── servers     the two kinds of door: ASGI and aiohttp
"""

from aivideo_async.callbacks.receiver import CallbackClient, CallbackReceiver

__all__ = ["CallbackClient", "CallbackReceiver"]
