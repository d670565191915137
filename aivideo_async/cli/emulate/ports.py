"""Where the emulator listens: where it was told to, at its usual port, or anywhere."""

from __future__ import annotations

import errno
import os
import socket

import click

from aivideo_async.cli.options import Settings

__all__ = ["PORT", "free_port"]

HOST = "127.0.0.1"
PORT = 8787
"""The usual one."""


def free_port(settings: Settings, wanted: int | None) -> int:
    """
    Return the port to listen on: *wanted*, the usual one, or 0 for any.

    Raises:
        click.UsageError: The one that was asked for is taken.
    """
    port = PORT if wanted is None else wanted
    reason = trouble_with(port)
    if reason is None:
        return port
    if wanted is not None:
        raise click.UsageError(
            f"Port {port}: {reason}. Name another one, or leave --port out."
        )
    settings.console.warn(f"port {port}: {reason}; a free one is used instead.")
    return 0


def trouble_with(port: int) -> str | None:
    """Tell why nobody can listen on *port*, if so."""
    with socket.socket() as probe:
        if os.name == "posix":  # or it stays taken for a while after a server ends
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            return "another program listens there" if taken else str(error.strerror)
    return None
