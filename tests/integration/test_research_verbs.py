"""Chains, smiles, legs, contracts, sessions, timelines: each verb of the research API beside the tables."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import pytest_asyncio

from collector.clock import SystemClock
from collector.config import BackupSettings, Settings
from collector.db.bars import bar_tables
from collector.db.connection import pool
from collector.db.connection.pool import Database
from collector.domain.errors import NotASession, UsageError
from collector.research.reader import Reader
from tests.support.db_rows import EXPIRATION, FRIDAY, Chain, answer, answers, make_chain, quote, rows, slot, trade

NOW = datetime(2026, 11, 20, 23, tzinfo=UTC)
AT = "2026-11-20 09:35 America/New_York"


async def stored(database: Database) -> Chain:
    """Store three calls: the first two with quotes, the last without a bar; the second without an ASK in slot 2."""
    made = await make_chain(database, 3)
    one, two, three = made.contracts
    every = range(4)

    def side(prices: dict[int, str]) -> bar_tables.SeriesAnswer:
        return answer([quote(n, price) for n, price in prices.items()])

    given = [
        answers(
            one,
            TRADES=answer([trade(0, "2.05", "3")]),
            BID=side({n: f"2.0{n}" for n in every}),
            ASK=side({n: f"2.1{n}" for n in every}),
        ),
        answers(
            two,
            TRADES=answer([trade(1, "1.05", "3")]),
            BID=side({n: f"1.0{n}" for n in every}),
            ASK=side({n: f"1.1{n}" for n in every if n != 2}),
        ),
        answers(three, TRADES=answer(), BID=answer(), ASK=answer()),
    ]
    await bar_tables.store(database, given, 1)
    own = answer([trade(n, f"100.{n}", "1000.5") for n in every])
    volatility = answer([quote(n, "0.25") for n in every])
    await bar_tables.store(database, [answers(made.underlying, TRADES=own, OPTION_IMPLIED_VOLATILITY=volatility)], 1)
    return made


def reader(url: str) -> Reader:
    """Return a reader on Friday evening."""
    return Reader(Settings(backup=BackupSettings(enabled=False)), url, SystemClock(NOW))


@pytest_asyncio.fixture
async def chain(database: Database) -> Chain:
    """Give the calls, on each engine."""
    return await stored(database)


@pytest_asyncio.fixture
async def data(chain: Chain, database_url: str) -> AsyncIterator[Reader]:
    """Give a reader of them."""
    with reader(database_url) as opened:
        yield opened


@pytest_asyncio.fixture
async def plain_data(plain_database_url: str) -> AsyncIterator[Reader]:
    """Give a reader of the calls on the plain engine alone, for what is made in Python."""
    async with pool.connect(plain_database_url, SystemClock()) as database:
        await stored(database)
    with reader(plain_database_url) as opened:
        yield opened


async def test_a_chain_has_contracts_without_bars(plain_data: Reader) -> None:
    """All three listed contracts are rows, with NULL where the slot has nothing; the surface has two of them."""
    found = (
        plain_data.chain("PLTR", AT).table.select(["strike_price", "bid_close", "ask_close", "selected"]).to_pylist()
    )
    assert [tuple(row.values()) for row in found] == [
        (101.0, 2.01, 2.11, True),
        (102.0, 1.01, 1.11, True),
        (103.0, None, None, True),
    ]
    assert plain_data.surface("PLTR", AT).num_rows == 2


async def test_a_smile_is_one_expiration(plain_data: Reader) -> None:
    """Contracts of one expiration by strike; a day on which nothing expires is refused with the nearest ones."""
    assert plain_data.smile("PLTR", EXPIRATION, AT).table["strike_price"].to_pylist() == [101.0, 102.0]
    with pytest.raises(UsageError, match="no contract of PLTR expires on 2026-11-24") as told:
        plain_data.smile("PLTR", "2026-11-24", AT)
    assert "2026-11-23" in told.value.hint


async def test_legs_are_bought_and_sold_at_the_sides_that_are_open(plain_data: Reader) -> None:
    """A vertical spread costs the ask of what is bought less the bid of what is sold, twice where twice is sold."""
    one, two, _ = plain_data.contracts("PLTR", on=FRIDAY.day).table["contract_id"].to_pylist()
    found = plain_data.legs([one, (two, -2)], "2026-11-20", "2026-11-20", exact=True)
    assert [(row["buy_at"], row["sell_at"]) for row in found.table.to_pylist()] == [
        (Decimal("0.1000"), Decimal("-0.2000")),  # 2.10 - 2 × 1.00, 2.00 - 2 × 1.10
        (Decimal("0.0900"), Decimal("-0.2100")),
        (Decimal("0.0800"), None),  # no ASK of the second
        (Decimal("0.0700"), Decimal("-0.2300")),
    ]
    assert found.table["time"].to_pylist() == [slot(n) for n in range(4)]
    floats = plain_data.legs([one, (two, -2)], "2026-11-20", "2026-11-20").table
    assert floats["leg2_ask"].to_pylist() == [1.10, 1.11, None, 1.13]
    assert floats["sell_at"].to_pylist()[2] is None
    with pytest.raises(UsageError, match="a leg is named twice"):
        plain_data.legs([one, one])


@pytest.mark.parametrize("quantity", [0, 0.5, True, "2", None])
async def test_a_quantity_is_a_whole_number(plain_data: Reader, quantity: int) -> None:
    """Nothing of a leg, half of one, or no number at all is refused; it names the leg."""
    with pytest.raises(UsageError, match=r"is no quantity of 'PLTR 261123C00101000'"):
        plain_data.legs([("PLTR 261123C00101000", quantity)])


async def test_why_takes_what_the_command_takes(plain_data: Reader) -> None:
    """An instant without a zone is New York's; one outside the sessions is refused, and so is a day without one."""
    account = plain_data.why("PLTR 261123C00101000", "2026-11-20 09:35")
    assert (account.slot, account.is_stored) == (slot(1), True)
    assert plain_data.why("PLTR", "2026-11-20 09:35 America/New_York").slot == slot(1)
    with pytest.raises(UsageError, match="2026-11-20 16:00 in New York is outside the session of PLTR") as told:
        plain_data.why("PLTR 261123C00101000", "2026-11-20 16:00")
    assert told.value.hint == "On 2026-11-20 it goes from 09:30 to 16:00, New York."
    with pytest.raises(NotASession, match="2026-11-21 is no trading session"):
        plain_data.why("PLTR", "2026-11-21 10:00")


async def test_contracts_are_those_of_a_day(data: Reader, chain: Chain, database: Database) -> None:
    """Terms are those of the day, before a split the earlier ones; after the expiration there are none."""
    earlier = """
    INSERT INTO earlier_contract_terms (contract_id, until, contract_symbol, expiration_date, strike_price, option_type,
        multiplier, exchange, trading_class, currency)
    SELECT id, $2, 'PLTR1 261123C00202000', expiration_date, 202, option_type, 100, exchange, trading_class, currency
    FROM option_chains WHERE id = $1
    """
    await rows(database, earlier, chain.contracts[0].id, FRIDAY.close + timedelta(days=2))
    assert data.contracts("PLTR", on="2026-11-20").table["occ_symbol"].to_pylist() == [
        "PLTR 261123C00102000",
        "PLTR 261123C00103000",
        "PLTR1 261123C00202000",
    ]
    assert data.contracts("PLTR", on=date(2026, 11, 23)).table["strike_price"].to_pylist() == [101.0, 102.0, 103.0]
    assert data.contracts("PLTR", on="2026-11-24").num_rows == 0
    assert data.contracts("PLTR", on="2026-11-19").num_rows == 0


async def test_the_underlying_has_bars_of_its_own(data: Reader) -> None:
    """Prices, fractional volume and volatility by size; what was never collected of a size is told."""
    found = data.underlying("PLTR", "2026-11-20", "2026-11-20", exact=True).table.to_pylist()
    assert [(row["close"], row["volume"], row["implied_volatility"]) for row in found] == [
        (Decimal(f"100.{n}000"), Decimal("1000.5000"), Decimal("0.2500")) for n in range(4)
    ]
    daily = data.underlying("PLTR", bars="1day")
    assert daily.num_rows == 0
    assert daily.reasons["reason"].to_pylist() == ["never_collected"]
    with pytest.raises(UsageError, match="no bars of 2min") as told:
        data.underlying("PLTR", bars="2min")
    assert "5min, 1min, 1day" in told.value.hint


async def test_present_sessions_say_where_bars_are(data: Reader) -> None:
    """The selected session whose bars are in the database and in no archive."""
    assert data.present_sessions("PLTR").table.to_pylist() == [
        {
            "session": FRIDAY.day,
            "in_database": True,
            "in_archive": False,
            "archive_is_current": None,
            "archive_settled": None,
            "completeness_percent": None,
            "open_gap_slots": None,
            "lost_gap_slots": None,
        }
    ]


_REQUEST = """
INSERT INTO requests (sent_at, answered_at, run_id, instrument_id, data_set, what_to_show, span, outcome, bars)
VALUES ($2, $2, 7, $1, 1, 'BID', tstzrange($3, $4), 'bars', 78) RETURNING 1
"""
_GAP = """
INSERT INTO historical_data_gaps (instrument_id, data_set, what_to_show, state, gap_start, gap_end, gap_type,
    detected_at, lost_at, reason)
VALUES ($1, 1, 'ASK', 'lost', $2, $3, 'missing_bars', $4, $5, 'expired') RETURNING 1
"""


async def test_a_timeline_tells_what_happened(data: Reader, chain: Chain, database: Database) -> None:
    """Request, revision and loss of a contract come in order of time, each with the slots that it was about."""
    one = chain.contracts[0]
    evening = FRIDAY.close + timedelta(hours=1)
    await rows(database, _REQUEST, one.id, evening, FRIDAY.open, FRIDAY.close)
    late, later = evening + timedelta(hours=1), evening + timedelta(hours=2)
    await rows(database, _GAP, one.id, slot(3), slot(5), late, later)
    revised = "INSERT INTO bar_revisions (instrument_id, data_set, time, close, replaced_at, run_id) "
    await rows(database, revised + "VALUES ($1, 1, $2, 2.04, $3, 8) RETURNING 1", one.id, slot(0), late)
    found = data.timeline(one.id, "2026-11-20", "2026-11-20").table.to_pylist()
    assert [(row["at"], row["event"], row["series"], row["start"], row["run_id"], row["detail"]) for row in found] == [
        (evening, "request", "BID", FRIDAY.open, 7, "bars, 78 bars"),
        (late, "gap found", "ASK", slot(3), None, "missing_bars"),
        (late, "revision", None, slot(0), 8, "close was 2.0400"),
        (later, "lost", "ASK", slot(3), None, "expired"),
    ]


async def test_sources_tell_where_bars_come_from(data: Reader, chain: Chain, database: Database) -> None:
    """By symbol and data set, the first and the last session of the database."""
    change = "INSERT INTO session_changes (underlying_id, data_set, session_date) VALUES ($1, 1, $2) RETURNING 1"
    await rows(database, "DELETE FROM session_changes RETURNING 1")
    await rows(database, change, chain.underlying.id, FRIDAY.day)
    (row,) = data.sources().table.to_pylist()
    assert (row["source"], row["symbol"], row["data_set"], row["sessions"], row["first_session"]) == (
        "database", "PLTR", "option_bars_5min", 1, FRIDAY.day,
    )  # fmt: skip
