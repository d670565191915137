"""
``aivideo doctor``: why it does not work, or that it does.

    command      what the command takes
    ├── examining    all checks, in order
    │   ├── machine      this machine and the environment
    │   └── network      the way to the service, and its answer
    └── findings     what a check found, and how it is told
"""

from aivideo_async.cli.doctor.command import doctor

__all__ = ["doctor"]
