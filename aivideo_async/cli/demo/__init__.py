"""
``aivideo demo``: a bulk run of a dozen product shots, without a key or a network.

    command      what the command takes, and what it says at its end
    ├── shoot        the run, against an emulator
    │   └── shop         the sheets
    └── ground       a folder of its own
"""

from aivideo_async.cli.demo.command import demo

__all__ = ["demo"]
