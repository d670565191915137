"""
``aivideo emulate``: the emulator as a server, for any program in any language.

    command      what the command takes
    ├── ports        where it listens
    └── serving      what it says at its beginning and its end
"""

from aivideo_async.cli.emulate.command import emulate

__all__ = ["emulate"]
