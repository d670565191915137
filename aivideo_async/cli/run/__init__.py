"""
``aivideo run``: a sheet in, a folder of pictures out; the same command continues.

    command      what the command takes; options.py what ``aivideo retry`` takes, too
    ├── terms        the same, read
    ├── running      plan, ask, begin
    ├── agreement    whether to spend
    ├── carrying     buy and save, until all is done or somebody stops it
    ├── board        how things stand meanwhile
    └── ending       what was made, what it cost, what to do next
"""

from aivideo_async.cli.run.command import run

__all__ = ["run"]
