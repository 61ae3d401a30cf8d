"""What was known at an instant: values before a revision, no later rows, and no guesses."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import pytest_asyncio

from collector.clock import SystemClock
from collector.config import BackupSettings, Settings
from collector.db.bars import bar_tables
from collector.db.bookkeeping import coverage_table
from collector.db.connection import pool
from collector.db.connection.pool import Database
from collector.research.reader import Reader
from tests.support.db_rows import FRIDAY, Chain, answer, answers, make_chain, quote, rows, slot, trade

STORED = FRIDAY.close + timedelta(minutes=30)
COMPUTED = STORED + timedelta(hours=1)
REVISED = STORED + timedelta(hours=5)
NOW = STORED + timedelta(hours=12)
_REQUEST = """
INSERT INTO requests (sent_at, answered_at, run_id, instrument_id, data_set, what_to_show, span, outcome, bars)
SELECT $2, $2, 1, $1, 1, what, tstzrange($3, $4), 'bars', 4 FROM unnest(ARRAY['TRADES', 'BID', 'ASK']) AS what
RETURNING 1
"""
_GREEKS = """
UPDATE store.option_bars_5min SET implied_volatility = 2500, greeks_version = 1, greeks_reason = 1 RETURNING 1
"""
_CARRY = """
INSERT INTO expiration_carry (underlying_id, session_date, expiration_date, rate, dividend_yield, error, pairs,
    greeks_version, computed_at)
VALUES ($1, $2, $3, 0.04, 0, 0, 5, 1, $4) RETURNING 1
"""
COLUMNS = ["close", "bid_close", "volume", "implied_volatility", "flags", "verdict"]


@dataclass
class Night:
    """A session of one call that was stored in the evening, and of which a trade was revised at night."""

    url: str
    db: Database
    clock: SystemClock
    chain: Chain

    @property
    def contract(self) -> int:
        """Return the call's id."""
        return self.chain.contracts[0].id

    async def store(self, close: str) -> None:
        """Store a trade in slot 0, and quotes in two."""
        quotes = answer([quote(n, "1.20") for n in (0, 1)])
        trades = answer([trade(0, close)])
        await bar_tables.store(self.db, [answers(self.chain.contracts[0], TRADES=trades, BID=quotes, ASK=quotes)], 1)

    def reader(self) -> Reader:
        """Return a reader of the morning after."""
        return Reader(Settings(backup=BackupSettings(enabled=False)), self.url, SystemClock(NOW))


@pytest_asyncio.fixture
async def night(database_url: str) -> AsyncIterator[Night]:
    """Give the night."""
    clock = SystemClock(STORED)
    async with pool.connect(database_url, clock) as db:
        made = Night(database_url, db, clock, await make_chain(db, 1))
        await made.store("1.25")
        await rows(db, _GREEKS)
        await rows(db, _CARRY, made.chain.underlying.id, FRIDAY.day, made.chain.contracts[0].expiration, COMPUTED)
        clock.set(REVISED)
        await made.store("1.77")
        yield made


async def test_a_revised_price_is_what_it_was(night: Night) -> None:
    """Between the evening and the revision the earlier trade, afterwards the present one; the answer was final."""
    await rows(night.db, _REQUEST, night.contract, STORED, FRIDAY.open, FRIDAY.close)
    with night.reader() as data:
        before = data.history(night.contract, as_of=REVISED - timedelta(minutes=1), columns=COLUMNS).table.to_pylist()
        after = data.history(night.contract, as_of=REVISED + timedelta(minutes=1), columns=COLUMNS).table.to_pylist()
    assert [(row["close"], row["volume"], row["verdict"]) for row in before] == [
        (1.25, 10, "traded"),
        (None, 0, "no_trade"),
    ]
    assert [(row["close"], row["volume"]) for row in after] == [(1.77, 10), (None, 0)]


async def test_greeks_are_there_only_where_nothing_has_changed(night: Night) -> None:
    """Of the revised row they are gone; of the other they are known from their computation on, and not before."""
    await rows(night.db, _REQUEST, night.contract, STORED, FRIDAY.open, FRIDAY.close)
    with night.reader() as data:
        early, late = COMPUTED - timedelta(minutes=1), REVISED - timedelta(minutes=1)
        for at, expected in ((early, [None, None]), (late, [None, 0.25])):
            found = data.history(night.contract, as_of=at, columns=COLUMNS).table
            assert found["implied_volatility"].to_pylist() == expected
            assert found["flags"].to_pylist() == [None, 0]


async def test_rows_that_came_later_are_absent(night: Night) -> None:
    """Before the evening there is no row, and a reason says so."""
    with night.reader() as data:
        found = data.bars("PLTR", "2026-11-20", "2026-11-20", as_of=STORED - timedelta(minutes=1))
        assert found.num_rows == 0
        (reason,) = [row for row in found.reasons.to_pylist() if row["reason"] == "stored_later"]
    assert (reason["contract_id"], reason["slots"], reason["start"]) == (night.contract, 2, slot(0))


async def test_what_is_not_on_record_is_no_guess(night: Night) -> None:
    """Without a final answer on record a changed row has no prices then, and that is told; unchanged quotes stay."""
    with night.reader() as data:
        found = data.surface("PLTR", slot(0), as_of=REVISED - timedelta(minutes=1), columns=COLUMNS)
        assert found.table.to_pylist() == [
            {**dict.fromkeys(COLUMNS[:-1]), "verdict": "unknown"},
        ]
        reasons = [(row["reason"], row["slots"]) for row in found.reasons.to_pylist()]
        other = data.history(night.contract, slot(1), slot(2), as_of=REVISED - timedelta(minutes=1), columns=COLUMNS)
    assert reasons == [("unknown_as_of", 1)]
    (row,) = other.table.to_pylist()
    assert (row["bid_close"], row["volume"], row["implied_volatility"]) == (1.20, None, 0.25)


async def test_what_was_forgotten_and_asked_again_is_no_guess(database_url: str) -> None:
    """A settled trade that was forgotten and replaced has no revision: what it was is not known."""
    clock = SystemClock(STORED)
    async with pool.connect(database_url, clock) as db:
        night = Night(database_url, db, clock, await make_chain(db, 1))
        await night.store("1.25")
        await rows(db, _REQUEST, night.contract, STORED, FRIDAY.open, FRIDAY.close)
        clock.set(COMPUTED)
        await coverage_table.forget(db, FRIDAY, ["PLTR"], FRIDAY.day)
        clock.set(REVISED)
        await night.store("1.77")
        before, after = REVISED - timedelta(minutes=1), REVISED + timedelta(minutes=1)
        with night.reader() as data:
            found = data.surface("PLTR", slot(0), as_of=before, columns=COLUMNS)
            assert found.table.to_pylist() == [{**dict.fromkeys(COLUMNS[:-1]), "verdict": "unknown"}]
            assert ("unknown_as_of", 1) in [(row["reason"], row["slots"]) for row in found.reasons.to_pylist()]
            (now,) = data.surface("PLTR", slot(0), as_of=after, columns=COLUMNS).table.to_pylist()
            assert now["close"] == 1.77
