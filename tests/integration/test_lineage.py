"""Values account for themselves: which answer brought them, and what their Greeks were computed from."""

import os
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg

from collector.clock.virtual_time import VirtualClock
from collector.config import Settings
from collector.db.connection import pool
from collector.db.connection.pool import Database
from collector.db.readers.bar_records import Asked
from collector.domain.market_data.instruments import WhatToShow
from collector.domain.run_vocabulary import RunStatus, Window
from collector.lineage import telling, values
from collector.lineage.answers import Proof
from collector.lineage.values import Account
from collector.simulator.exchange.listings import SimBar
from collector.simulator.market import Market
from collector.simulator.request_log import Request
from collector.simulator.scenarios.base import HistoryReply, Scenario
from collector.simulator.server import Gateway
from tests.support.window_runs import FRIDAY, narrow, run_window

Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]

NEW_YORK = ZoneInfo("America/New_York")
THURSDAY = date(2026, 11, 19)
WEEK = tuple(date(2026, 11, day) for day in range(16, 21))
VALUES = int(os.environ.get("COLLECTOR_VALUES", "300"))
"""How many values are asked for; `make test-long` asks for more."""

_SELECT = """
SELECT 'option' AS kind, b.contract_id AS id, c.ib_con_id AS con_id, b.time, c.contract_symbol AS name
FROM option_bars_5min b JOIN option_chains c ON c.id = b.contract_id
UNION ALL
SELECT 'underlying', b.underlying_id, u.ib_con_id, b.time, u.symbol
FROM underlying_bars_5min b JOIN underlying_securities u ON u.id = b.underlying_id
ORDER BY 1, 2, 4
"""


@dataclass
class Recorder(Scenario):
    """The simulator's log of requests with the bars that each answer held."""

    answers: list[tuple[Request, tuple[SimBar, ...]]] = field(default_factory=list)
    hide: tuple[int, str, datetime] | None = None
    """A bar that the next answer for that series lacks, without a word."""

    def edit(self, entry: Request, reply: HistoryReply) -> None:
        """Keep what is sent; leave out what is to be hidden."""
        if self.hide and self.hide[:2] == (entry.con_id, entry.what_to_show):
            reply.bars = [bar for bar in reply.bars if bar.time != self.hide[2]]
        self.answers.append((entry, tuple(reply.bars)))

    def held(self, asked: Asked, con_id: int, slot: datetime) -> SimBar | None:
        """Return the bar of a slot that the answer to a request held, by the simulator's own log."""
        assert asked.answered_at is not None
        for entry, bars in self.answers:
            if (entry.con_id, entry.what_to_show) != (con_id, asked.what_to_show.value) or entry.answered_at is None:
                continue
            # The source's clock tells whole seconds.
            if abs(entry.answered_at - asked.answered_at) > timedelta(seconds=2.5) or entry.span is None:
                continue
            found = next((bar for bar in bars if bar.time == slot), None)
            if found is not None and entry.span[0] <= asked.span.start and asked.span.end <= entry.span[1]:
                return found
        return None


@dataclass
class Week:
    """A database that is filled from a simulated gateway in virtual time, and what that gateway has answered."""

    url: str
    clock: VirtualClock
    gateway: Gateway
    recorder: Recorder
    settings: Settings

    async def statement(self, text: str, *args: object) -> list[asyncpg.Record]:
        """Run one statement on a connection of its own."""
        with self.clock.hold():
            connection = await asyncpg.connect(self.url)
            try:
                return list(await connection.fetch(text, *args))
            finally:
                await connection.close()

    def reader(self) -> AbstractAsyncContextManager[Database]:
        """Open the database as a reader does."""
        return pool.connect(self.url, self.clock)

    async def run(self, at: datetime, window: Window = Window.EOD, **order: Any) -> None:  # noqa: ANN401 - of order_for
        """Run a window at an instant."""
        self.clock.set(at)
        finished = await run_window(self.url, self.gateway, self.settings, self.clock, window, **order)
        assert finished.status is RunStatus.SUCCESS, finished


def new_york(day: date, hour: int, minute: int) -> datetime:
    """Return a time of New York."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=NEW_YORK)


@asynccontextmanager
async def week(url: str, settings: Settings, begins: date = THURSDAY) -> AsyncIterator[Week]:
    """Start a gateway at noon of a day."""
    clock, recorder = VirtualClock(new_york(begins, 12, 32)), Recorder()
    async with Gateway(Market(7, clock), clock, [recorder]) as gateway:
        yield Week(url, clock, gateway, recorder, settings)


def quantised(value: Decimal) -> Decimal:
    """Return a value with the four decimals that the columns have."""
    return value.quantize(Decimal("0.0001"), ROUND_HALF_UP)


def assert_held(account: Account, con_id: int, recorder: Recorder) -> int:
    """Assert that each number is what the named answers held by the simulator's own log; return how many were."""
    compared = 0
    for one in account.series:
        if one.numbers is None:
            continue
        assert one.brought.proof is Proof.CHECKSUM, (account.instrument, account.slot, one)
        for asked in (one.brought.first, one.brought.last):
            assert asked is not None
            bar = recorder.held(asked, con_id, account.slot)
            assert bar is not None, (account.slot, one.what, asked)
            assert one.numbers["close"] == quantised(bar.close)
            if len(one.numbers) > 1:
                names = ("open", "high", "low")
                assert [one.numbers[name] for name in names] == [
                    quantised(price) for price in (bar.open, bar.high, bar.low)
                ]
        compared += 1
    return compared


def test_random_values_account_for_themselves(plain_database_url: str, virtual_run: Run) -> None:
    """Each value names a request whose logged answer held it; Greeks computed again equal the stored ones exactly.

    The week has what happens in one: answers at noon and again in the evening, late corrections, forced runs. Whoever
    asks for a few values asks of its last two sessions.
    """
    days = WEEK if VALUES >= 1000 else WEEK[-2:]

    async def main() -> None:
        async with week(plain_database_url, narrow("SPY", "PLTR", strikes=3), days[0]) as course:
            for day in days:
                await course.run(new_york(day, 12, 32), Window.MIDDAY)
                await course.run(new_york(day, 16, 46))
                await course.run(new_york(day, 17, 20))
            course.gateway.market.revise(THURSDAY, course.clock.now(), share=0.05, seed=3)
            await course.run(new_york(FRIDAY, 18, 0), force=True, day=THURSDAY)
            await course.run(new_york(FRIDAY, 18, 30), force=True, day=FRIDAY)
            await account_for(course)

    virtual_run(main)


async def account_for(course: Week) -> None:
    """Ask random values for their accounts."""
    every = await course.statement(_SELECT)
    chosen = random.Random(17).sample(every, min(VALUES, len(every)))
    compared = greeks = withheld = revised = again_later = 0
    async with course.reader() as db:
        for row in chosen:
            account = await values.account(db, row["name"], row["time"])
            compared += assert_held(account, row["con_id"], course.recorder)
            revised += sum(bool(one.versions) for one in account.series)
            again_later += sum(one.brought.answers > 1 for one in account.series)
            if account.greeks is not None:
                again = account.greeks.recomputed
                assert again is not None, account.greeks
                assert again.equal is True, (account.instrument, account.slot, account.greeks)
                assert dict(account.greeks.recomputed_numbers) == dict(account.greeks.numbers)
                greeks += 1
                withheld += account.greeks.numbers["delta"] is None
    assert compared > 1.5 * VALUES
    assert greeks > VALUES / 2 > withheld
    assert again_later > VALUES / 4
    assert revised > 0


def test_what_no_answer_brought_is_told(plain_database_url: str, virtual_run: Run) -> None:
    """A number changed, filled in or put in by hand is explained by no request; its neighbours' series still are."""

    async def main() -> None:
        async with week(plain_database_url, narrow("PLTR", strikes=2)) as course:
            await course.run(new_york(THURSDAY, 16, 46))
            found = await course.statement(
                """
                SELECT b.contract_id, b.time, c.contract_symbol AS name FROM option_bars_5min b
                JOIN option_chains c ON c.id = b.contract_id
                WHERE b.close IS NOT NULL AND b.bid_close > 0 AND b.delta IS NOT NULL ORDER BY b.contract_id, b.time
                """
            )
            row = found[len(found) // 2]
            key = (row["contract_id"], row["time"])
            async with course.reader() as db:
                account = await values.account(db, row["name"], row["time"])
                assert account.explained
                assert account.greeks is not None
                assert account.greeks.recomputed is not None
                assert account.greeks.recomputed.equal is True

                await course.statement(
                    """
                    UPDATE store.option_bars_5min SET close = close + 1, up = greatest(up - 1, 0)
                    WHERE contract_id = $1 AND time = $2
                    """,
                    *key,
                )
                account = await values.account(db, row["name"], row["time"])
                proofs = {one.what: one.brought.proof for one in account.series}
                none, proved = Proof.NONE, Proof.CHECKSUM
                assert proofs == {WhatToShow.TRADES: none, WhatToShow.BID: proved, WhatToShow.ASK: proved}
                assert not account.explained
                told = " ".join(telling.lines(account))
                assert "no request on record explains this value: 1 answer covered the slot" in told

                await course.statement(
                    "UPDATE store.option_bars_5min SET delta = delta + 1 WHERE contract_id = $1 AND time = $2", *key
                )
                account = await values.account(db, row["name"], row["time"])
                assert account.greeks is not None
                assert account.greeks.recomputed is not None
                assert account.greeks.recomputed.equal is False
                assert "that is NOT what is stored" in " ".join(telling.lines(account))

                await course.statement("DELETE FROM requests WHERE instrument_id = $1", row["contract_id"])
                account = await values.account(db, row["name"], row["time"])
                assert {one.brought.proof for one in account.series} == {none}
                assert "or their record has been dropped for its age" in " ".join(telling.lines(account))

    virtual_run(main)


def test_an_answer_that_lacked_a_bar_is_not_named_for_it(plain_database_url: str, virtual_run: Run) -> None:
    """A later answer that left a bar out, without a word, is named for the bars that it held and for no other."""

    async def main() -> None:
        async with week(plain_database_url, narrow("PLTR", strikes=2)) as course:
            await course.run(new_york(THURSDAY, 16, 46))
            [row] = await course.statement(
                """
                SELECT c.ib_con_id AS con_id, b.time, c.contract_symbol AS name FROM option_bars_5min b
                JOIN option_chains c ON c.id = b.contract_id
                WHERE b.close IS NOT NULL AND b.time > '2026-11-19 18:00+00' ORDER BY b.contract_id, b.time LIMIT 1
                """
            )
            course.recorder.hide = (row["con_id"], "TRADES", row["time"])
            await course.run(new_york(THURSDAY, 17, 30), force=True)
            async with course.reader() as db:
                hidden = await values.account(db, row["name"], row["time"])
                trades = hidden.series[0].brought
                assert (trades.answers, trades.candidates) == (1, 2)
                assert_held(hidden, row["con_id"], course.recorder)
                bids = next(one for one in hidden.series if one.what is WhatToShow.BID)
                assert bids.brought.answers == 2
                others = await course.statement(
                    """
                    SELECT b.time FROM option_bars_5min b JOIN option_chains c ON c.id = b.contract_id
                    WHERE c.ib_con_id = $1 AND b.close IS NOT NULL AND b.time <> $2 LIMIT 1
                    """,
                    row["con_id"],
                    row["time"],
                )
                other = await values.account(db, row["name"], others[0]["time"])
                assert other.series[0].brought.answers == 2
                assert_held(other, row["con_id"], course.recorder)

    virtual_run(main)


def test_inputs_that_were_not_kept_are_said_to_be_missing(plain_database_url: str, virtual_run: Run) -> None:
    """Greeks of an earlier version have no inputs; those of an earlier calculation are not computed by another."""

    async def main() -> None:
        async with week(plain_database_url, narrow("PLTR", strikes=2)) as course:
            await course.run(new_york(THURSDAY, 16, 46))
            [row] = await course.statement(
                """
                SELECT b.time, c.contract_symbol AS name FROM option_bars_5min b
                JOIN option_chains c ON c.id = b.contract_id
                WHERE b.delta IS NOT NULL ORDER BY b.contract_id, b.time LIMIT 1
                """
            )
            async with course.reader() as db:
                await course.statement(
                    """UPDATE greeks_parameters SET parameters = jsonb_set(parameters, '{algorithm}', '1')"""
                )
                account = await values.account(db, row["name"], row["time"])
                assert account.greeks is not None
                assert account.greeks.inputs is not None
                assert account.greeks.note == "made by calculation 1; this version of the collector has 2"

                await course.statement(
                    "UPDATE expiration_carry SET spots = NULL, first_slot = NULL, expires_at = NULL, dividends = NULL"
                )
                account = await values.account(db, row["name"], row["time"])
                assert account.greeks is not None
                assert (account.greeks.inputs, account.greeks.note) == (None, "their inputs were not kept")
                assert account.greeks.numbers["delta"] is not None

    virtual_run(main)
