"""
What ``aivideo doctor`` does: check one thing after another, and spend nothing.

The key leaves this machine only for the address that the client itself would use, and
never for one that is known to be somebody else's.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

from yarl import URL

from aivideo_async import AIVideoError, AuthenticationError, PermissionDeniedError
from aivideo_async.cli import money
from aivideo_async.cli.connect import connected
from aivideo_async.cli.doctor.findings import Finding, ok, print_all, problem, warning
from aivideo_async.cli.doctor.machine import check_machine, check_proxy
from aivideo_async.cli.doctor.network import check_network
from aivideo_async.cli.exits import Exit, code_of, worst
from aivideo_async.cli.options import Settings
from aivideo_async.client.options import BASE_URL, KEY_VARIABLES, read_address
from aivideo_async.transport.secret import Secret

__all__ = ["examine"]

LOOKALIKE = "api.aivideoapi.com"


async def examine(settings: Settings) -> Exit:
    """Check everything, and print each finding as it comes."""
    codes = []
    async for found in findings(settings):
        print_all(settings.console, [found])
        codes.append(found.code)
    code = worst(codes)
    settings.console.note("Ready." if code is Exit.DONE else "Not ready; see above.")
    return code


async def findings(settings: Settings) -> AsyncIterator[Finding]:
    """Go from this machine outwards; what needs a broken thing is left out."""
    for found in check_machine(Path()):
        yield found
    key = check_key(settings)
    yield key
    try:
        address = read_address(settings.base_url)
    except AIVideoError as error:
        yield problem("Address", str(error), f"use {BASE_URL}", Exit.CANNOT_WORK)
        return
    yield (place := check_address(address))
    yield check_proxy(address)
    reachable = True
    async for found in check_network(address):
        reachable = reachable and not found.code
        yield found
    if reachable and not key.code and not place.code:
        async for found in check_account(settings):
            yield found


def check_key(settings: Settings) -> Finding:
    """Look for a key and at its shape, without showing any of it."""
    if settings.api_key_file is not None:
        try:
            key = settings.file_key
        except AIVideoError as error:
            return problem("Key", str(error), "name another file", Exit.CANNOT_WORK)
        return check_shape(key, "the key file")
    given = [name for name in KEY_VARIABLES if os.environ.get(name)]
    if not given:
        return problem(
            "Key",
            "none in the environment",
            "export AIVIDEOAPI_API_KEY=sk-... (dashboard, API keys)",
            Exit.CANNOT_WORK,
        )
    if len({os.environ[name] for name in given}) > 1:
        return warning(
            "Key",
            f"{given[0]} is used; {', '.join(given[1:])} differ",
            "unset all but one",
        )
    return check_shape(Secret(os.environ[given[0]]), given[0])


def check_shape(key: Secret, source: str) -> Finding:
    """Check what every key has in common."""
    if key.is_blank() or not key.is_header_safe():
        return problem(
            "Key",
            f"{source} holds blanks or characters that no key has",
            "copy it again",
            Exit.CANNOT_WORK,
        )
    if not key.reveal().startswith("sk-"):
        return problem(
            "Key",
            f"that of {source} does not start with sk-, as every key does",
            "copy it again from the dashboard, API keys",
            Exit.CANNOT_WORK,
        )
    return ok("Key", f"from {source}, starts with sk-")


def check_address(address: URL) -> Finding:
    """Check that it is the service's."""
    if address.host == LOOKALIKE:
        return problem(
            "Address",
            f"{LOOKALIKE} is another service with a similar name",
            f"unset AIVIDEOAPI_BASE_URL, or use {BASE_URL}",
            Exit.CANNOT_WORK,
        )
    own = str(address).rstrip("/") == BASE_URL
    return ok("Address", f"{address}{'' if own else ', not the service itself'}")


async def check_account(settings: Settings) -> AsyncIterator[Finding]:
    """Read the balance, which shows whether the key works."""
    try:
        async with connected(settings) as client:
            balance = (await client.credits()).balance
    except (AuthenticationError, PermissionDeniedError) as error:
        yield problem("Account", error.message, error.advice, Exit.CANNOT_WORK)
    except AIVideoError as error:
        yield problem("Account", str(error), "try again", code_of(error))
    else:
        if balance > 0:
            yield ok("Account", money.credits(balance))
        else:
            text, remedy = money.credits(balance), "top up in the dashboard, Billing"
            yield problem("Account", text, remedy, Exit.MONEY)
