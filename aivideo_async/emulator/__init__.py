"""
A faithful, stateful stand-in for the service, so that everything runs offline.

    core        the service itself, pure: handle(request, now) -> reply
    ├── request     what comes in, where it goes, how it is logged
    ├── intake      reading a create as strictly as documented
    ├── workshop    the tasks: made, ended, shown; jobs is a single one
    ├── clock       its own time, faster than ours
    ├── bucket      the rate limit; spending the spend limits
    ├── ledger      the money, and whether it adds up
    ├── callbacks   which are due, and what became of them
    ├── scenario    how it behaves, as data; rules which request meets which act
    ├── acts        what can go wrong, as data
    ├── triggers    words in a prompt that choose an act
    ├── reply       answers, and how the connection behaves
    ├── files       signed addresses and ranges
    └── pictures/   what it delivers
    emulator    the object that people use
    ├── server      on a real socket (aiohttp)
    │   └── page        the live page in front of it; live what it shows, pure
    ├── courier     sends the callbacks (aiohttp)
    └── transport   in memory

Only the last five know asyncio, and only `server`, `page` and `courier` a socket.
"""

from aivideo_async.emulator import acts
from aivideo_async.emulator.acts import Act, Course
from aivideo_async.emulator.callbacks import Called
from aivideo_async.emulator.core import Core
from aivideo_async.emulator.emulator import Emulator
from aivideo_async.emulator.jobs import Job
from aivideo_async.emulator.ledger import Entry, Ledger
from aivideo_async.emulator.pictures import Picture, picture_size
from aivideo_async.emulator.reply import Fate, Reply
from aivideo_async.emulator.request import Received, Request
from aivideo_async.emulator.rules import Rule
from aivideo_async.emulator.scenario import SCENARIOS, Scenario
from aivideo_async.emulator.transport import EmulatorTransport
from aivideo_async.emulator.triggers import TRIGGERS

__all__ = [
    "SCENARIOS",
    "TRIGGERS",
    "Act",
    "Called",
    "Core",
    "Course",
    "Emulator",
    "EmulatorTransport",
    "Entry",
    "Fate",
    "Job",
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
