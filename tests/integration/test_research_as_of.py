"""What was known at an instant: values before a revision, no later rows, and no guesses."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest_asyncio

from collector.clock import SystemClock
from collector.config import BackupSettings, Settings
from collector.db.bars import bar_tables
from collector.db.bars.bar_tables import InstrumentAnswers
from collector.db.bookkeeping import coverage_table
from collector.db.connection import pool
from collector.db.connection.pool import Database
from collector.domain.market_data.data_sets import (
    OPTION_BARS_5MIN,
    UNDERLYING_BARS_1DAY,
    UNDERLYING_BARS_5MIN,
    DataSet,
)
from collector.domain.market_data.instruments import WhatToShow
from collector.research.reader import Reader
from tests.support.db_rows import FRIDAY, Chain, T, answer, answers, make_chain, quote, rows, slot, trade

ADJUSTED_LAST = WhatToShow.ADJUSTED_LAST
STORED = FRIDAY.close + timedelta(minutes=30)
COMPUTED = STORED + timedelta(hours=1)
REVISED = STORED + timedelta(hours=5)
AFTER = REVISED + timedelta(minutes=1)
BEFORE = REVISED - timedelta(minutes=1)
NOW = STORED + timedelta(hours=12)
_REQUEST = """
INSERT INTO requests (sent_at, answered_at, run_id, instrument_id, data_set, what_to_show, span, outcome, bars)
SELECT $2, $2, 1, $1, $5, what, tstzrange($3, $4), 'bars', 4 FROM unnest($6::text[]) AS what
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

    async def store_own(self, close: str, volatility: str, *, daily: bool = False) -> None:
        """Store the underlying's own bars of two slots; or of the day, whose second value is the adjusted close."""
        if not daily:
            trades, other = [trade(n, close) for n in (0, 1)], [quote(n, volatility) for n in (0, 1)]
            given = answers(self.chain.underlying, TRADES=answer(trades), OPTION_IMPLIED_VOLATILITY=answer(other))
        else:
            day = UNDERLYING_BARS_1DAY.span(FRIDAY)
            whole_day = replace(FRIDAY, open=day.start, close=day.end)
            adjusted = answer([quote(0, volatility, whole_day)], session=whole_day)
            series = {T: answer([trade(0, close, session=whole_day)], session=whole_day), ADJUSTED_LAST: adjusted}
            given = InstrumentAnswers(self.chain.underlying, UNDERLYING_BARS_1DAY, series)
        await bar_tables.store(self.db, [given], 1)

    async def answered(self, data_set: DataSet = OPTION_BARS_5MIN) -> None:
        """Put on record that the evening's answers were final."""
        is_option = data_set is OPTION_BARS_5MIN
        instrument_id = self.contract if is_option else -self.chain.underlying.id
        hours, series = data_set.span(FRIDAY), [one.value for one in data_set.series]
        await rows(self.db, _REQUEST, instrument_id, STORED, hours.start, hours.end, data_set.id, series)

    def reader(self) -> Reader:
        """Return a reader of the morning after."""
        return Reader(Settings(backup=BackupSettings(enabled=False)), self.url, SystemClock(NOW))


@contextlib.asynccontextmanager
async def stored(url: str) -> AsyncIterator[Night]:
    """Give the night in a database."""
    clock = SystemClock(STORED)
    async with pool.connect(url, clock) as db:
        made = Night(url, db, clock, await make_chain(db, 1))
        await made.store("1.25")
        await made.store_own("100.5", "0.25")
        await made.store_own("100.5", "99.5", daily=True)
        await rows(db, _GREEKS)
        await rows(db, _CARRY, made.chain.underlying.id, FRIDAY.day, made.chain.contracts[0].expiration, COMPUTED)
        clock.set(REVISED)
        await made.store("1.77")
        yield made


@pytest_asyncio.fixture
async def night(database_url: str) -> AsyncIterator[Night]:
    """Give the night, on each engine."""
    async with stored(database_url) as made:
        yield made


@pytest_asyncio.fixture
async def plain_night(plain_database_url: str) -> AsyncIterator[Night]:
    """Give the night on the plain engine alone, for what is made in Python."""
    async with stored(plain_database_url) as made:
        yield made


async def test_a_revised_price_is_what_it_was(night: Night) -> None:
    """Between the evening and the revision the earlier trade, afterwards the present one; the answer was final."""
    await night.answered()
    with night.reader() as data:
        before = data.history(night.contract, as_of=BEFORE, columns=COLUMNS).table.to_pylist()
        after = data.history(night.contract, as_of=AFTER, columns=COLUMNS).table.to_pylist()
    assert [(row["close"], row["volume"], row["verdict"]) for row in before] == [
        (1.25, 10, "traded"),
        (None, 0, "no_trade"),
    ]
    assert [(row["close"], row["volume"]) for row in after] == [(1.77, 10), (None, 0)]


async def test_greeks_are_there_only_where_nothing_has_changed(night: Night) -> None:
    """Of the revised row they are gone; of the other they are known from their computation on, and not before."""
    await night.answered()
    with night.reader() as data:
        early, late = COMPUTED - timedelta(minutes=1), BEFORE
        for at, expected in ((early, [None, None]), (late, [None, 0.25])):
            found = data.history(night.contract, as_of=at, columns=COLUMNS).table
            assert found["implied_volatility"].to_pylist() == expected
            assert found["flags"].to_pylist() == [None, 0]


async def test_rows_that_came_later_are_absent(plain_night: Night) -> None:
    """Before the evening there is no row, and a reason says so."""
    with plain_night.reader() as data:
        found = data.bars("PLTR", "2026-11-20", "2026-11-20", as_of=STORED - timedelta(minutes=1))
        assert found.num_rows == 0
        (reason,) = [row for row in found.reasons.to_pylist() if row["reason"] == "stored_later"]
    assert (reason["contract_id"], reason["slots"], reason["start"]) == (plain_night.contract, 2, slot(0))


async def test_what_is_not_on_record_is_no_guess(plain_night: Night) -> None:
    """Without a final answer on record a changed row has no prices then, and that is told; unchanged quotes stay."""
    with plain_night.reader() as data:
        found = data.surface("PLTR", slot(0), as_of=BEFORE, columns=COLUMNS)
        assert found.table.to_pylist() == [
            {**dict.fromkeys(COLUMNS[:-1]), "verdict": "unknown"},
        ]
        reasons = [(row["reason"], row["slots"]) for row in found.reasons.to_pylist()]
        other = data.history(plain_night.contract, slot(1), slot(2), as_of=BEFORE, columns=COLUMNS)
    assert reasons == [("unknown_as_of", 1)]
    (row,) = other.table.to_pylist()
    assert (row["bid_close"], row["volume"], row["implied_volatility"]) == (1.20, None, 0.25)


async def test_an_underlyings_own_bars_are_what_they_were(night: Night) -> None:
    """Trades and volatility are those before the revision, beside the options too; absent before the evening."""
    await night.answered()
    await night.answered(UNDERLYING_BARS_5MIN)
    await night.store_own("101.5", "0.35")
    own = ["close", "implied_volatility"]
    with night.reader() as data:
        for at, expected in ((BEFORE, (100.5, 0.25)), (AFTER, (101.5, 0.35))):
            found = data.underlying("PLTR", as_of=at, columns=own)
            assert [tuple(row.values()) for row in found.table.to_pylist()] == [expected] * 2
            beside = data.history(night.contract, as_of=at, columns=["underlying_price"]).table
            assert beside["underlying_price"].to_pylist() == [expected[0]] * 2
        early = data.underlying("PLTR", as_of=STORED - timedelta(minutes=1))
        assert early.num_rows == 0
        reasons = [row for row in early.reasons.to_pylist() if row["reason"] == "stored_later"]
    assert [(row["symbol"], row["contract_id"], row["slots"], row["end"]) for row in reasons] == [
        ("PLTR", None, 2, slot(2))
    ]


async def test_of_an_underlying_nothing_is_guessed_either(plain_night: Night) -> None:
    """Without a final answer on record bars that have changed since are NULL, which is told."""
    await plain_night.store_own("101.5", "0.35")
    with plain_night.reader() as data:
        found = data.underlying("PLTR", as_of=BEFORE, columns=["close", "implied_volatility"])
        assert found.table.to_pylist() == [{"close": None, "implied_volatility": None}] * 2
        assert "unknown_as_of" in found.reasons["reason"].to_pylist()
        beside = data.history(plain_night.contract, as_of=BEFORE, columns=["underlying_price"])
        assert beside.table["underlying_price"].to_pylist() == [None, None]


async def test_adjusted_closes_are_known_until_they_change(night: Night) -> None:
    """A dividend changes the adjusted close, of which then nothing is known; the day's own stays what it was."""
    await night.answered(UNDERLYING_BARS_1DAY)
    own = ["close", "adjusted_close"]
    with night.reader() as data:
        (row,) = data.underlying("PLTR", bars="1day", as_of=BEFORE, columns=own).table.to_pylist()
        assert row == {"close": 100.5, "adjusted_close": 99.5}
        await night.store_own("100.5", "98.5", daily=True)
        (row,) = data.underlying("PLTR", bars="1day", as_of=BEFORE, columns=own).table.to_pylist()
        assert row == {"close": 100.5, "adjusted_close": None}
        (row,) = data.underlying("PLTR", bars="1day", as_of=AFTER, columns=own).table.to_pylist()
        assert row == {"close": 100.5, "adjusted_close": 98.5}


async def test_smile_chain_and_legs_look_back_as_well(plain_night: Night) -> None:
    """Each has the earlier trade or quotes before the revision, and none before the evening, with its reason."""
    await plain_night.answered()
    early = STORED - timedelta(minutes=1)
    expiration = plain_night.chain.contracts[0].expiration
    with plain_night.reader() as data:
        for at, closes in ((BEFORE, [1.25]), (AFTER, [1.77]), (early, list[float]())):
            smile = data.smile("PLTR", expiration, slot(0), as_of=at)
            chain = data.chain("PLTR", slot(0), as_of=at)
            assert smile.table["close"].to_pylist() == closes
            assert chain.num_rows == 1
            assert chain.table["close"].drop_null().to_pylist() == closes
            legs = data.legs([plain_night.contract], as_of=at)
            assert legs.table["leg1_bid"].to_pylist() == ([1.20] * 2 if closes else [])
        for one in (smile, chain, legs):
            assert "stored_later" in one.reasons["reason"].to_pylist()


async def test_what_was_forgotten_and_asked_again_is_no_guess(plain_database_url: str) -> None:
    """A settled trade that was forgotten and replaced has no revision: what it was is not known."""
    clock = SystemClock(STORED)
    async with pool.connect(plain_database_url, clock) as db:
        night = Night(plain_database_url, db, clock, await make_chain(db, 1))
        await night.store("1.25")
        await night.answered()
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
