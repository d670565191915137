"""Checks of this machine: Python, libraries, disk, open files, proxy. No network."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from yarl import URL

from aivideo_async._version import __version__
from aivideo_async.cli.doctor.findings import Finding, ok, problem, warning
from aivideo_async.cli.exits import Exit
from aivideo_async.transport.origin import proxy_for

__all__ = ["check_machine", "check_proxy"]

LITTLE_SPACE = 1 << 30  # bytes
FEW_FILES = 256


def check_machine(folder: Path) -> Iterator[Finding]:
    """Check what does not need a network; pictures would go to *folder*."""
    system = f"{platform.system()} {platform.machine()}"
    yield ok("Python", f"{platform.python_version()}, {system}")
    yield ok("Library", f"aivideo-async {__version__}, aiohttp {version('aiohttp')}")
    yield check_disk(folder)
    yield from check_files()


def check_disk(folder: Path) -> Finding:
    """Check whether pictures can be saved in *folder*."""
    if not os.access(folder, os.W_OK):
        return problem("Disk", "this folder cannot be written", "use -o DIR", Exit.DISK)
    free = shutil.disk_usage(folder).free
    text = f"{free / (1 << 30):,.1f} GiB free here"
    if free < LITTLE_SPACE:
        return warning("Disk", text, "a 4k picture takes up to 20 MB: make room")
    return ok("Disk", text)


def check_files() -> Iterator[Finding]:
    """Check how many files and connections may be open, where there is a limit."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = limit == resource.RLIM_INFINITY
    text = f"{'any number' if unlimited else f'{limit:,}'} may be open at once"
    if limit < FEW_FILES and not unlimited:
        yield warning("Files", text, "for many pictures at once: ulimit -n 1024")
    else:
        yield ok("Files", text)


def check_proxy(address: URL) -> Finding:
    """Tell whether requests go through a proxy of the environment."""
    proxy = proxy_for(address)
    if proxy is None:
        return ok("Proxy", "none")
    # Its user and password, if any, stay where they are.
    return ok(
        "Proxy", f"{proxy.scheme}://{proxy.host}:{proxy.port}, by the environment"
    )
