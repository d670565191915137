"""What ``aivideo emulate`` does: serve until Ctrl-C, then tell how the money stands."""

from __future__ import annotations

import textwrap
from decimal import Decimal

import click

from aivideo_async import Emulator
from aivideo_async.cli.emulate.ports import free_port
from aivideo_async.cli.exits import Exit
from aivideo_async.cli.interrupts import Interrupts
from aivideo_async.cli.money import credits, number
from aivideo_async.cli.options import Settings
from aivideo_async.emulator import SCENARIOS, Entry

__all__ = ["list_scenarios", "serve"]

NAMES = 21  # columns

BANNER = """\
AI Video API emulator   {url}   (live page)
  export AIVIDEOAPI_BASE_URL={url}
  export AIVIDEOAPI_API_KEY={key}
  scenario {scenario}, speed {speed}x, seed {seed}, {balance} credits
  Ctrl-C stops it."""


def list_scenarios(settings: Settings) -> Exit:
    """Print each scenario and what it does."""
    for name, scenario in SCENARIOS.items():
        settings.console.record("scenario", name=name, about=scenario.about)
        text = f"{name:<{NAMES}}{scenario.about}"
        for line in textwrap.wrap(text, 79, subsequent_indent=NAMES * " "):
            settings.console.result(line)
    return Exit.DONE


async def serve(
    settings: Settings,
    interrupts: Interrupts,
    scenario: str,
    *,
    port: int | None,
    speed: float,
    seed: int,
    balance: float | None,
) -> Exit:
    """
    Serve until a signal comes, which is no failure here.

    Raises:
        click.UsageError: There is no such scenario, or the port is taken.
    """
    if scenario not in SCENARIOS:
        raise click.UsageError(
            f"No scenario {scenario!r}. Known: {', '.join(SCENARIOS)}."
        )
    emulator = Emulator(
        scenario,
        port=free_port(settings, port),
        speed=speed,
        seed=seed,
        balance=balance,
    )
    async with emulator:
        announce(settings, emulator, speed=speed, seed=seed)
        await interrupts.stop.wait()
    interrupts.code = None  # to be stopped is how it ends
    return sum_up(settings, emulator)


def announce(
    settings: Settings, emulator: Emulator, *, speed: float, seed: int
) -> None:
    """Tell how to reach it."""
    about = {
        "url": emulator.url,
        "api_key": emulator.api_key,
        "scenario": emulator.scenario.name,
        "speed": speed,
        "seed": seed,
        "balance": emulator.ledger.balance,
    }
    settings.console.record("emulator", **about)
    settings.console.result(
        BANNER.format(
            url=emulator.url,
            key=emulator.api_key,
            scenario=emulator.scenario.name,
            speed=f"{speed:g}",
            seed=seed,
            balance=number(emulator.ledger.balance),
        )
    )


def sum_up(settings: Settings, emulator: Emulator) -> Exit:
    """Tell what was charged, and whether it adds up."""
    ledger, console = emulator.ledger, settings.console
    charged, refunded = total(ledger.charges), total(ledger.refunds)
    doubles = [entry.task_id for entry in ledger.double_charges]
    console.summary = {
        "requests": len(emulator.requests),
        "tasks": len(ledger.charges),
        "charged": charged,
        "refunded": refunded,
        "balance": ledger.balance,
        "double_charges": doubles,
    }
    console.result(
        f"{len(emulator.requests):,} requests, {len(ledger.charges):,} tasks: "
        f"{credits(charged)} charged, {number(refunded)} refunded; none of it real"
    )
    if not doubles:
        console.result("Charged once each: yes")
        return Exit.DONE
    console.warn(
        f"the same order was charged more than once: {' '.join(doubles)}. If it was "
        "meant to be bought several times (image -n), all is well."
    )
    return Exit.SOME_FAILED


def total(entries: list[Entry]) -> Decimal:
    """Add up *entries*, in credits."""
    return sum((entry.credits for entry in entries), Decimal(0))
