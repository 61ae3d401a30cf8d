# ruff: noqa: T201 - a benchmark prints
"""What evidence costs on ordinary nights: requests added, completeness after eod and late_night, slots of one witness.

    python -m tests.benchmarks.bench_evidence

The calibrated market, whose contracts are partly without bids, trades or any bar, in virtual time: a week of eods, each
with its confirming attempt and its late_night.
"""

import asyncio
import tempfile
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import asyncpg

from collector.clock.virtual_time import VirtualClock, VirtualTimeLoop
from collector.config import BackupSettings, SelectionSettings, Settings, SymbolSettings
from collector.db.schema import features, migrate
from collector.db.server import embedded
from collector.domain.run_vocabulary import Window
from collector.simulator.market import Market
from collector.simulator.server import Gateway
from collector.simulator.settings import market_settings
from tests.support.settled_truth import Settled, check
from tests.support.window_runs import run_window

NEW_YORK = ZoneInfo("America/New_York")
DAYS = (16, 17, 18, 19, 20)
SYMBOLS = ("SPY", "PLTR", "TSLA")
SELECTION = {
    "horizon_days": 15,
    "regimes": [
        {"below": 0.20, "band": 0.06, "min_strikes": 11},
        {"below": 0.40, "band": 0.15, "min_strikes": 11},
        {"band": 0.20, "min_strikes": 11},
    ],
}
TARGET_ADDED, TARGET_EOD, TARGET_NIGHT = 0.03, 0.98, 1.0


def settings() -> Settings:
    """Return a configuration of several hundred contracts."""
    bare = Settings(backup=BackupSettings(enabled=False))
    named = tuple(SymbolSettings(symbol=symbol) for symbol in SYMBOLS)
    return bare.model_copy(update={"symbols": named, "selection": SelectionSettings.model_validate(SELECTION)})


async def week(url: str) -> None:
    """Run the week and print a line a session."""
    clock = VirtualClock(datetime(2026, 11, DAYS[0], 16, 45, tzinfo=NEW_YORK))
    market = Market(7, clock, market_settings("calibrated"))
    rules = settings()
    print("session      needed  added  controls  eod     confirmed  late_night  single-witness  wrong single  wrong")
    total = extra = 0
    async with Gateway(market, clock, reject_rate=False) as gateway:
        for number in DAYS:
            day = date(2026, 11, number)
            clock.set(datetime(2026, 11, number, 16, 45, tzinfo=NEW_YORK))
            before = len(gateway.log.historical)
            eod = await run_window(url, gateway, rules, clock, day=day)
            shares = [complete(await state(url, clock, market, day))]
            clock.set(datetime(2026, 11, number, 17, 20, tzinfo=NEW_YORK))
            again = await run_window(url, gateway, rules, clock, day=day)
            shares.append(complete(await state(url, clock, market, day)))
            clock.set(datetime(2026, 11, number, 18, 0, tzinfo=NEW_YORK))
            night = await run_window(url, gateway, rules, clock, Window.LATE_NIGHT, day=day)
            found = await state(url, clock, market, day)
            shares.append(complete(found))
            asked = len(gateway.log.historical) - before
            needed = found.series
            controls = sum(run.tally.controls for run in (eod, again, night))
            total, extra = total + needed, extra + asked - needed
            print(
                f"{day}  {needed:>8,}  {(asked - needed) / needed:>5.2%}  {controls:>8}  {shares[0]:>6.2%}"
                f"  {shares[1]:>9.2%}  {shares[2]:>10.2%}  {found.single / found.expected:>14.2%}"
                f"  {len(found.wrong_single):>12}  {len(found.wrong):>5}",
                flush=True,
            )
    print(f"added over the week: {extra / total:.2%} (aim ≤ {TARGET_ADDED:.0%})")
    print(f"completeness: aim ≥ {TARGET_EOD:.0%} at the end of eod, {TARGET_NIGHT:.0%} after late_night")


def complete(found: Settled) -> float:
    """Return settled of expected series-slots."""
    return found.settled / found.expected


async def state(url: str, clock: VirtualClock, market: Market, day: date) -> Settled:
    """Return how a session stands against the truth."""
    with clock.hold():
        connection = await asyncpg.connect(url)
        try:
            return await check(connection, market, day, SYMBOLS)
        finally:
            await connection.close()


async def prepare(url: str) -> None:
    """Bring the database to the newest schema."""
    await migrate.upgrade(url)
    await features.apply(url)


def main() -> None:
    """Run it on an embedded PostgreSQL."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)  # root's server, which runs as another user, passes through
        place = Path(folder) / "postgres"
        url = embedded.ensure_running(place)
        try:
            asyncio.run(prepare(url))
            with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
                runner.run(week(url))
        finally:
            embedded.stop(place)


if __name__ == "__main__":
    main()
