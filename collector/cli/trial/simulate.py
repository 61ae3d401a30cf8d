"""`collector simulate`: a simulated IB Gateway on this machine."""

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import typer

from collector import simulator
from collector.app import opening
from collector.cli.options import day_of
from collector.clock import SystemClock
from collector.domain.errors import Interrupted, UsageError
from collector.simulator.scenarios import SCENARIOS, named
from collector.simulator.settings import MARKETS, market_settings


def simulate(
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")
    ] = 7497,
    seed: Annotated[int, typer.Option("--seed", help="Of the market; the same seed is the same market.")] = 7,
    scenario: Annotated[
        list[str] | None, typer.Option("--scenario", help="How it misbehaves; may be repeated. See --list.")
    ] = None,
    market: Annotated[
        str, typer.Option("--market", help=f"How thin the far contracts are: {' · '.join(MARKETS)}.")
    ] = "standard",
    at: Annotated[str | None, typer.Option("--at", help="Simulated start, ISO with zone; the clock runs on.")] = None,
    truth: Annotated[str | None, typer.Option("--truth", help="Print the market's truth of SYMBOL:YYYY-MM-DD.")] = None,
    show: Annotated[bool, typer.Option("--list", help="List the scenarios, a sentence each.")] = False,
) -> None:
    """Run a simulated IB Gateway, with faults on request.

    Example: collector simulate --port 7497 --seed 7 --scenario nightly-restart
    """
    if show:
        wide = max(map(len, SCENARIOS))
        typer.echo("\n".join(f"{name:<{wide}}  {one.says}" for name, one in SCENARIOS.items()))
        return
    _check_names(market, scenario or ())
    clock = opening.system_clock() if at is None else SystemClock(_instant(at))
    if truth is not None:
        symbol, _, text = truth.partition(":")
        day = day_of(text or None)
        if day is None:
            raise UsageError(f"--truth {truth!r} has no date", "Write it as SPY:2026-11-20.")
        for row in simulator.truth_rows(seed, clock, symbol.upper(), day, market=market):
            typer.echo(row)
        return

    def ready(host: str, bound: int) -> None:
        now = f"{clock.now():%Y-%m-%d %H:%M:%S} UTC"
        typer.echo(f"simulated IB Gateway on {host}:{bound}, seed {seed}, {now}; Ctrl-C ends")
        sys.stdout.flush()

    try:
        opening.run_until_signalled(simulator.serve("127.0.0.1", port, seed, scenario or (), clock, ready, market))
    except Interrupted:
        return  # the only way in which it ends
    except OSError as error:
        raise UsageError(f"cannot listen on port {port}: {error.strerror}", "Choose another with --port.") from error


def _check_names(market: str, scenarios: Sequence[str]) -> None:
    try:
        market_settings(market)
        for name in scenarios:
            named(name)
    except (KeyError, ValueError) as error:
        raise UsageError(str(error.args[0]), "See: collector simulate --list") from error


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise UsageError(f"--at {text!r} is no instant with a zone", "Example: 2026-11-20T17:00:00-05:00")
    return instant
