"""
A faithful, stateful stand-in for the service, so that everything runs offline.

    core        the service itself, pure: handle(request, now) -> reply
    ├── intake      reading a create as strictly as documented
    ├── jobs        a task: pending, processing, completed or failed
    ├── bucket      the rate limit
    ├── ledger      the money, and whether it adds up
    ├── scenario    how it behaves, as data
    ├── acts        what can go wrong, as data
    ├── reply       answers, and how the connection behaves
    └── pictures/   what it delivers
    emulator    the object that people use
    ├── server      on a real socket (aiohttp)
    │   └── page        the live page in front of it; live says what it shows
    └── transport   in memory

Only `server`, `page`, `emulator` and `transport` know asyncio, and only `server` and
`page` a socket.
"""

from aivideo_async.emulator import acts
from aivideo_async.emulator.acts import Act
from aivideo_async.emulator.core import Core, Received, Request
from aivideo_async.emulator.emulator import Emulator
from aivideo_async.emulator.ledger import Entry, Ledger
from aivideo_async.emulator.pictures import Picture, picture_size
from aivideo_async.emulator.reply import Fate, Reply
from aivideo_async.emulator.scenario import SCENARIOS, Rule, Scenario
from aivideo_async.emulator.transport import EmulatorTransport

__all__ = [
    "SCENARIOS",
    "Act",
    "Core",
    "Emulator",
    "EmulatorTransport",
    "Entry",
    "Fate",
    "Ledger",
    "Picture",
    "Received",
    "Reply",
    "Request",
    "Rule",
    "Scenario",
    "acts",
    "picture_size",
]
