"""
``aivideo status``: how a run stands, also while another process carries it out.

    command      what the command takes
    ├── watching     the same again and again
    ├── screen       what is shown of it
    └── survey       what the journal tells
        └── pace         how fast it goes; pure
"""

from aivideo_async.cli.status.command import status

__all__ = ["status"]
