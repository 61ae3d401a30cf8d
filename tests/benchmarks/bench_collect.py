# ruff: noqa: T201 - a benchmark prints
"""Collecting end to end, as fast as the collector can: bars a second, and memory of the collector's process.

    python -m tests.benchmarks.bench_collect

The gateway is simulated in a process of its own and answers at once, nothing paces, and nearly every slot has a trade.
A first run fills the simulator's memory of the market; the counted ones, each into an empty database and in a fresh
process, measure the collector.
"""

import asyncio
import multiprocessing
import random
import resource
import tempfile
import time
from datetime import datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import asyncpg

from collector.clock import SystemClock
from collector.config import GreeksSettings, SelectionSettings, Settings, SymbolSettings
from collector.db.connection import pool
from collector.db.schema import features, migrate
from collector.db.server import embedded
from collector.domain.run_vocabulary import RunStatus, Window
from collector.ib.connection.gateway import GatewaySettings
from collector.ib.ib_source import connect
from collector.ib.pacing import PacingSettings
from collector.market.calendar import Calendar
from collector.runs import window_run
from collector.runs.orders import order_for
from collector.simulator.market import Market, MarketSettings
from collector.simulator.server import Gateway

EVENING = datetime(2026, 11, 20, 17, 0, tzinfo=ZoneInfo("America/New_York"))
TARGET_BARS_PER_S, TARGET_MB = 40_000, 250


class Measured(NamedTuple):
    """One run: contracts and bars collected, seconds, CPU seconds and peak memory (MB) of its process."""

    contracts: int
    bars: int
    seconds: float
    cpu_s: float
    peak_mb: float


def serve(pipe: Connection) -> None:
    """Run the simulated gateway until the other end says so."""

    async def main() -> None:
        clock = SystemClock(EVENING)
        market = Market(7, clock, MarketSettings(contract_days_kept=20_000, liveliness=5_000.0))
        gateway = Gateway(market, clock, reject_rate=False)
        await gateway.start()
        pipe.send(gateway.port)
        await asyncio.get_running_loop().run_in_executor(None, pipe.recv)
        await gateway.stop()

    asyncio.run(main())


def settings_for(contracts: int) -> Settings:
    """Return a configuration that selects some 1,000 SPY contracts around the money, or all of the next weeks."""
    strikes, days = (50, 14) if contracts <= 1_000 else (300, 35)
    selection = {"horizon_days": days, "regimes": [{"band": 0.0001, "min_strikes": strikes}]}
    return Settings().model_copy(
        update={
            "symbols": (SymbolSettings(symbol="SPY"),),
            "greeks": GreeksSettings(enabled=False),  # a pass of its own, with a benchmark of its own
            "selection": SelectionSettings.model_validate(selection),
        }
    )


async def collect(port: int, url: str, contracts: int) -> Measured:
    """Run one eod window into an empty database."""
    clock, settings = SystemClock(EVENING), settings_for(contracts)
    async with (
        pool.connect(url, clock) as db,
        connect(GatewaySettings(port=port), PacingSettings.off(), clock) as source,
    ):
        parts = window_run.Parts(db, source, settings, Calendar(), clock, random.Random(1))
        order = order_for(Window.EOD, settings, parts.calendar, clock.now())
        began, cpu_began = time.perf_counter(), time.process_time()
        finished = await window_run.run(order, parts)
        seconds, cpu_s = time.perf_counter() - began, time.process_time() - cpu_began
    if finished.status is not RunStatus.SUCCESS:
        raise SystemExit(f"the run ended {finished.status}: {finished.error}")
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Measured(len(finished.tally.contracts_planned), finished.tally.bars, seconds, cpu_s, peak_mb)


def collecting(port: int, url: str, contracts: int, pipe: Connection) -> None:
    """Collect in this fresh process and send what was measured."""
    pipe.send(asyncio.run(collect(port, url, contracts)))


async def empty_database(url: str, name: str) -> str:
    """Make a migrated database beside another."""
    connection = await asyncpg.connect(url)
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    made = url.replace("/collector?", f"/{name}?") if "/collector?" in url else url.rsplit("/", 1)[0] + f"/{name}"
    await migrate.upgrade(made)
    await features.apply(made)
    return made


def measured(context: multiprocessing.context.SpawnContext, port: int, url: str, contracts: int) -> Measured:
    """Run one collection in a process of its own."""
    ours, theirs = context.Pipe()
    process = context.Process(target=collecting, args=(port, url, contracts, theirs))
    process.start()
    result: Measured = ours.recv()
    process.join()
    return result


def main() -> None:
    """Print bars a second for 1,000 contracts, and memory for 5,000."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    gateway = context.Process(target=serve, args=(theirs,))
    gateway.start()
    port = ours.recv()
    with tempfile.TemporaryDirectory(prefix="collector-bench-") as folder:
        Path(folder).chmod(0o711)  # root's server, which runs as another user, passes through
        url = embedded.ensure_running(Path(folder) / "postgres")
        try:
            print(f"{'run':<24}{'contracts':>10}{'bars':>12}{'seconds':>9}{'CPU s':>7}{'bars/s':>10}{'peak MB':>9}")
            rates: list[float] = []
            for number, (name, contracts) in enumerate(
                [("filling the market", 1_000), *[("1,000 contracts", 1_000)] * 3, ("5,000 contracts", 5_000)]
            ):
                database = asyncio.run(empty_database(url, f"bench_{number}"))
                one = measured(context, port, database, contracts)
                rate = one.bars / one.seconds
                if name == "1,000 contracts":
                    rates.append(rate)
                print(
                    f"{name:<24}{one.contracts:>10,}{one.bars:>12,}{one.seconds:>9.1f}{one.cpu_s:>7.1f}"
                    f"{rate:>10,.0f}{one.peak_mb:>9.0f}"
                )
            print(
                f"median {sorted(rates)[1]:,.0f} bars/s (target {TARGET_BARS_PER_S:,}), "
                f"memory target {TARGET_MB} MB at 5,000 contracts"
            )
        finally:
            embedded.stop(Path(folder) / "postgres")
            ours.send(None)
            gateway.join()


if __name__ == "__main__":
    main()
