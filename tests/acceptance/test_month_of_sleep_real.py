"""A month of a laptop that sleeps and wakes at random, with real runs: gateway, database, schedule, collection.

Whatever could still be had at a wake is settled and true; no success is run again; every loss is on record. What could
be had is computed here from the power alone: the hours of New York are written by hand, IB's purge is the simulated
gateway's (the midnight in New York after the expiration). What is purged is at risk until two nights have shown it.
More seeds: COLLECTOR_SLEEP_SEEDS=3,4,5.
"""

import asyncio
import os
import random
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from collector.clock.virtual_time import VirtualClock
from collector.config import GreeksSettings
from collector.db.connection import pool
from collector.domain.run_vocabulary import OFFLINE, RunStatus
from collector.ib.connection.gateway import GatewaySettings
from collector.ib.ib_source import connect
from collector.jobs import due_windows
from collector.market.agenda import DueRun
from collector.market.calendar import Calendar
from collector.runs import window_run
from collector.runs.finished import Finished
from collector.runs.source import MarketDataSource, NoSource
from collector.simulator.server import Gateway
from tests.support.arena import Arena, CuttingProxy
from tests.support.truth import option_truth, span_of, stored_options, stored_underlyings, underlying_truth
from tests.support.window_runs import QUICK, narrow

pytestmark = pytest.mark.usefixtures("quiet_faults")

Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]

SEEDS = [int(seed) for seed in os.environ.get("COLLECTOR_SLEEP_SEEDS", "1,2").split(",")]
NEW_YORK = ZoneInfo("America/New_York")
MARKET_SEED = 7
THANKSGIVING, EARLY = date(2026, 11, 26), date(2026, 11, 27)
SESSIONS = tuple(
    day for n in range(29) if (day := date(2026, 11, 2) + timedelta(days=n)).weekday() < 5 and day != THANKSGIVING
)
START = datetime(2026, 11, 2, 9, 0, tzinfo=NEW_YORK)
END = datetime(2026, 11, 30, 23, 0, tzinfo=NEW_YORK)
TICK = timedelta(minutes=30)
CONFIRMED_AFTER = timedelta(minutes=32)
ROUND = timedelta(minutes=1)
"""What is due at one look is done within this; checked."""
CONTRACTS = 30
TWO_NIGHTS = 2
SERIES = ("TRADES", "BID", "ASK")
OWN_SERIES = ("TRADES", "OPTION_IMPLIED_VOLATILITY")

_PAIRS = """
SELECT
    chain.ib_con_id, chain.expiration_date, session.day, series.what_to_show,
    coalesce(coverage.settled @> session.slots, false) AS settled,
    coalesce(lost.slots @> (tstzmultirange(session.slots) - coalesce(coverage.settled, '{}')), false) AS lost,
    coalesce(gone.slots @> (tstzmultirange(session.slots) - coalesce(coverage.settled, '{}')), false) AS recorded
FROM option_chains AS chain
INNER JOIN option_contract_lifecycle AS life ON life.contract_id = chain.id
INNER JOIN (
    SELECT day, tstzrange(opens, closes) AS slots
    FROM unnest($1::date[], $2::timestamptz[], $3::timestamptz[]) AS t (day, opens, closes)
) AS session ON life.selected @> session.day
CROSS JOIN unnest($4::text[]) AS series (what_to_show)
LEFT JOIN request_coverage AS coverage
    ON coverage.contract_id = chain.id AND coverage.what_to_show = series.what_to_show
LEFT JOIN LATERAL (
    SELECT range_agg(tstzrange(gap_start, gap_end)) AS slots
    FROM historical_data_gaps AS gap
    WHERE gap.contract_id = chain.id AND gap.what_to_show = series.what_to_show AND gap.state = 'lost'
) AS lost ON true
LEFT JOIN LATERAL (
    SELECT range_agg(tstzrange(gap_start, gap_end)) AS slots
    FROM historical_data_gaps AS gap
    WHERE gap.contract_id = chain.id AND gap.what_to_show = series.what_to_show AND gap.state <> 'filled'
) AS gone ON true
ORDER BY chain.expiration_date, chain.ib_con_id, session.day, series.what_to_show
"""
_OWN = """
SELECT session.day, series.what_to_show, coalesce(coverage.settled @> session.slots, false) AS settled
FROM (
    SELECT day, tstzrange(opens, closes) AS slots
    FROM unnest($1::date[], $2::timestamptz[], $3::timestamptz[]) AS t (day, opens, closes)
) AS session
CROSS JOIN unnest($4::text[]) AS series (what_to_show)
LEFT JOIN request_coverage AS coverage
    ON coverage.underlying_id IS NOT NULL AND coverage.what_to_show = series.what_to_show
"""
_RUN_AGAIN = """
SELECT one.run_date, one.run_type, again.attempt
FROM intraday_collection_runs AS one
INNER JOIN intraday_collection_runs AS again USING (run_date, run_type)
WHERE one.status = 'success' AND again.id > one.id AND again.started_at < one.started_at + INTERVAL '30 minutes'
"""
"""Half an hour later a success may be confirmed: a second witness for what came back empty."""
_MISSED = """
SELECT collection_date, collection_type, error_message FROM daily_collection_status WHERE status = 'missed'
"""


class Power(NamedTuple):
    """A stretch in which the laptop is awake."""

    on: datetime
    off: datetime


def powered(seed: int) -> Iterator[Power]:
    """Yield when the laptop is awake: for hours, or for moments that end within a run; asleep for hours or days."""
    dice = random.Random(f"power {seed}")
    now = START + timedelta(minutes=dice.uniform(0, 600))
    while now < END:
        blink = dice.random() < 0.35
        hours = 10 ** dice.uniform(-1.5, 1) / 3600 if blink else dice.uniform(0.5, 5)
        off = min(now + timedelta(hours=hours), END)
        yield Power(now, off)
        asleep = dice.uniform(30, 75) if dice.random() < 0.12 else dice.uniform(1, 16)
        now = off + timedelta(hours=asleep)


def opens(day: date) -> datetime:
    """Return when a session opens."""
    return datetime.combine(day, time(9, 30), NEW_YORK)


def closes(day: date) -> datetime:
    """Return when PLTR's session closes."""
    return datetime.combine(day, time(13 if day == EARLY else 16), NEW_YORK)


def eod_due(day: date) -> datetime:
    """Return when eod is due: 16:45, on an early close 15 minutes after it; nothing settles a session sooner."""
    return datetime.combine(day, time(13, 15) if day == EARLY else time(16, 45), NEW_YORK)


def purge(expiration: date) -> datetime:
    """Return when the simulated gateway forgets a contract."""
    return datetime.combine(expiration + timedelta(days=1), time(0), NEW_YORK)


def could_be_had(day: date, expiration: date, wakes: Sequence[Power], *, empty: bool = False) -> bool:
    """Tell whether at some look the session was over, the contract alive, and time enough left for what was due.

    What is empty in truth needs two such looks, more than half an hour apart: the second confirms the first.
    """
    fit = [
        look
        for wake in wakes
        for look in looks(wake)
        if look >= eod_due(day) and look + ROUND <= min(wake.off, purge(expiration))
    ]
    return bool(fit) and (not empty or fit[-1] - fit[0] >= CONFIRMED_AFTER)


def looks(wake: Power) -> Iterator[datetime]:
    """Yield when the laptop looks what is due: at the wake and every half hour."""
    look = wake.on
    while look < wake.off:
        yield look
        look += TICK


@dataclass
class Laptop:
    """What runs on it; connections pass proxies, so that a power cut lets nothing out that was still to be said."""

    arena: Arena
    clock: VirtualClock
    gateway: Gateway
    gateway_proxy: CuttingProxy
    database_proxy: CuttingProxy
    working: bool = False
    cuts: int = 0
    longest: timedelta = timedelta(0)
    ends: list[tuple[datetime, str, RunStatus]] = field(default_factory=list)

    def __post_init__(self) -> None:
        off = GreeksSettings(enabled=False)
        self.settings = narrow("PLTR", horizon_days=7, band=0.001, strikes=1, greeks=off)
        self.calendar = Calendar(self.settings.closes)
        self.url = self.arena.through(self.database_proxy)

    async def live(self, wake: Power) -> None:
        """Sleep until the power comes, look and work until it goes; then everything stops at once."""
        await self._until(wake.on)
        await self.gateway_proxy.accept()
        await self.database_proxy.accept()
        process = asyncio.ensure_future(self._awake(wake))
        await asyncio.wait({process}, timeout=(wake.off - self.clock.now()).total_seconds())
        if process.done():
            process.result()
        self.cuts += self.working
        self.gateway_proxy.sever()
        self.database_proxy.sever()
        process.cancel()
        await asyncio.wait({process})
        self.working = False
        await self.arena.alone(self.clock)

    async def _until(self, instant: datetime) -> None:
        while (left := (instant - self.clock.now()).total_seconds()) > 0:
            await self.clock.sleep(max(left, 0.01))

    async def _awake(self, wake: Power) -> None:
        for look in looks(wake):
            await self._until(look)
            begun, self.working = self.clock.now(), True
            await self._run_due()
            self.working = False
            self.longest = max(self.longest, self.clock.now() - begun)

    async def _run_due(self) -> None:
        """Run what is due until nothing is, as `collector run --due` does."""
        async with pool.connect(self.url, self.clock) as db:
            while True:
                now = self.clock.now()
                schedule = await due_windows.schedule_of(db, self.settings, self.calendar, now)
                found = await due_windows.look(db, self.settings, schedule, now)
                if not found.due:
                    return
                await self._run(found.due[0], db)

    async def _run(self, one: DueRun, db: pool.Database) -> None:
        order = due_windows.order_of(one, self.settings, self.calendar, self.clock.now())
        if order.window in OFFLINE:
            self._note(await window_run.run(order, self._parts(db, NoSource(self.clock))))
            return
        where = GatewaySettings(host=self.gateway_proxy.host, port=self.gateway_proxy.port)
        async with connect(where, QUICK, self.clock, jitter=random.Random(7)) as source:
            self._note(await window_run.run(order, self._parts(db, source)))

    def _parts(self, db: pool.Database, source: MarketDataSource) -> window_run.Parts:
        return window_run.Parts(db, source, self.settings, self.calendar, self.clock, random.Random(7))

    def _note(self, finished: Finished) -> None:
        self.ends.append((self.clock.now(), f"{finished.order.window} of {finished.order.day}", finished.status))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_month_of_sleep(arena: Arena, virtual_run: Run, seed: int) -> None:
    """All that could be had at a wake is settled and true, no success is run again, each loss is recorded."""

    async def main() -> None:
        clock = VirtualClock(START)
        await arena.empty(clock)
        wakes = list(powered(seed))
        async with AsyncExitStack() as stack:
            gateway = await stack.enter_async_context(Gateway(arena.market(MARKET_SEED, clock), clock, ()))
            gateway_proxy = CuttingProxy((gateway.host, gateway.port), clock=clock)
            database_proxy = CuttingProxy(arena.target, clock=clock)
            await stack.enter_async_context(gateway_proxy)
            await stack.enter_async_context(database_proxy)
            laptop = Laptop(arena, clock, gateway, gateway_proxy, database_proxy)
            for wake in wakes:
                await laptop.live(wake)
        assert gateway.log.violations == []
        assert laptop.cuts >= 1
        assert laptop.longest < ROUND
        await check(laptop, wakes)

    virtual_run(main)


async def check(laptop: Laptop, wakes: Sequence[Power]) -> None:
    """Compare the tables with what could be had."""
    sessions = [day for day in SESSIONS if eod_due(day) < END]
    spans = (sessions, [opens(day) for day in sessions], [closes(day) for day in sessions])
    async with laptop.arena.directly(laptop.clock) as connection:
        pairs = await connection.fetch(_PAIRS, *spans, list(SERIES))
        own = await connection.fetch(_OWN, *spans, list(OWN_SERIES))
        again = await connection.fetch(_RUN_AGAIN)
        missed = await connection.fetch(_MISSED)
    assert again == []
    market = laptop.gateway.market

    def is_empty(pair: asyncpg.Record) -> bool:
        return not market.truth(pair["ib_con_id"], pair["what_to_show"], span_of([pair["day"]]))

    wrong = [
        tuple(pair)
        for pair in pairs
        if not pair["settled"] and could_be_had(pair["day"], pair["expiration_date"], wakes, empty=is_empty(pair))
    ]
    assert not wrong, f"{len(wrong)} of {len(pairs)} could be had: {wrong[:10]}"
    assert all(row["settled"] for row in own if could_be_had(row["day"], date.max - timedelta(days=9), wakes))
    per_day: dict[date, set[int]] = {}
    for pair in pairs:
        per_day.setdefault(pair["day"], set()).add(pair["ib_con_id"])
    assert max(map(len, per_day.values())) <= CONTRACTS
    await check_values(laptop, pairs, own)
    nights = [at.astimezone(NEW_YORK) for at, name, status in laptop.ends if name.startswith("late_night") and status]
    check_losses(pairs, missed, wakes, nights, is_empty)


def check_losses(
    pairs: Sequence[asyncpg.Record],
    missed: Sequence[asyncpg.Record],
    wakes: Sequence[Power],
    nights: Sequence[datetime],
    is_empty: Callable[[asyncpg.Record], bool],
) -> None:
    """Assert that what the purge took is on record: as a gap, lost once it was asked for in vain, as a window missed.

    Two nights' denials lose it; a third is granted for a night that brought no answer to compare it with. A window may
    have run in time and still lack the second witness for what is empty in truth: that is no window missed.
    """
    gone = {
        row["collection_date"] for row in missed if row["collection_type"] == "eod" and "forgot" in row["error_message"]
    }
    last = max(wake.on for wake in wakes if wake.off - wake.on > ROUND)
    losses = [pair for pair in pairs if not pair["settled"] and purge(pair["expiration_date"]) <= last]
    assert losses, "a month without a loss shows nothing of them"
    silent = [tuple(pair) for pair in losses if not pair["recorded"]]
    assert not silent, f"{len(silent)} of {len(losses)} losses are no gap: {silent[:10]}"
    denied = [
        pair
        for pair in losses
        if len({night.date() for night in nights if night > purge(pair["expiration_date"])}) > TWO_NIGHTS
    ]
    undecided = [tuple(pair) for pair in denied if not pair["lost"]]
    assert not undecided, f"{len(undecided)} of {len(denied)} losses are not said to be lost: {undecided[:10]}"
    assert denied, "a month in which nothing was asked for in vain shows nothing of it"
    unsaid = {
        (pair["day"], pair["expiration_date"])
        for pair in losses
        if pair["expiration_date"] not in gone and not is_empty(pair)
    }
    assert not unsaid, f"no window is recorded as missed for losses of (session, expiration): {sorted(unsaid)}"
    assert all(row["error_message"] for row in missed)


async def check_values(laptop: Laptop, pairs: Sequence[asyncpg.Record], own: Sequence[asyncpg.Record]) -> None:
    """Assert that every settled session of every contract, and of the underlying, holds the truth."""
    market = laptop.gateway.market
    settled: dict[tuple[int, date], set[str]] = {}
    for pair in pairs:
        if pair["settled"]:
            settled.setdefault((pair["ib_con_id"], pair["day"]), set()).add(pair["what_to_show"])
    with laptop.clock.hold():
        options = await stored_options(laptop.arena.url)
        underlyings = await stored_underlyings(laptop.arena.url)
    for (con_id, day), series in settled.items():
        if series == set(SERIES):
            expected = option_truth(market, con_id, span_of([day]))
            assert of_day(options.get(con_id, {}), day) == expected, (con_id, day)
    stock = market.stock("PLTR")
    assert stock is not None
    for day in {row["day"] for row in own} - {row["day"] for row in own if not row["settled"]}:
        expected = underlying_truth(market, "PLTR", span_of([day]))
        assert of_day(underlyings[stock.con_id], day) == expected, day


def of_day(rows: Mapping[datetime, Any], day: date) -> dict[datetime, Any]:
    """Return the rows of one session."""
    return {slot: row for slot, row in rows.items() if slot.astimezone(NEW_YORK).date() == day}
