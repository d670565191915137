"""
``aivideo demo``: a dozen product shots on one page, without a key or a network.

    command      what the command takes, and the sums at its end
    ├── shop         what it orders
    ├── shoot        what a program of yours would do
    └── page         the contact sheet
"""

from aivideo_async.cli.demo.command import demo

__all__ = ["demo"]
