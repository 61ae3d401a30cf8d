"""Views that a back-test reads without joins: every contract by its name, with terms, hours and underlying's price."""

from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from typing import Any

import asyncpg
import pytest_asyncio

from tests.support.whole_numbers import insert

_CONTRACTS = """
INSERT INTO underlying_securities (id, symbol, ib_con_id, sec_type, exchange, currency)
VALUES (1, 'SPY', 1, 'STK', 'SMART', 'USD'), (2, 'F', 2, 'STK', 'SMART', 'USD');
INSERT INTO option_chains (id, underlying_id, contract_symbol, expiration_date, strike_price, option_type, ib_con_id,
    multiplier, exchange, trading_class, currency)
VALUES (1, 1, 'SPY   261218C00690000', '2026-12-18', 690, 'C', 1, 100, 'SMART', 'SPY', 'USD'),
    (2, 2, 'F     261218P00012500', '2026-12-18', 12.5, 'P', 2, 100, 'SMART', 'F', 'USD');
INSERT INTO earlier_contract_terms (contract_id, until, contract_symbol, expiration_date, strike_price, option_type,
    multiplier, exchange, trading_class, currency)
VALUES (1, '2026-11-20 15:00Z', 'SPY1  261218C01380000', '2026-12-18', 1380, 'C', 50, 'SMART', 'SPY1', 'USD');
"""
_COLUMNS = (
    "time, contract_id, open, high, low, close, volume, bid_open, bid_high, bid_low, bid_close,"
    " ask_open, ask_high, ask_low, ask_close, implied_volatility, delta, open_interest"
)
# Slots at 14:30, 15:00, 15:05 and 15:55 UTC, which in New York is five hours earlier in November.
_BARS = """
VALUES ('2026-11-20 14:30Z'::timestamptz, 1, 10.0, 12.0, 9.0, 11.0, 5, 9.9, 9.9, 9.9, 9.9, 10.1, 10.1, 10.1, 10.1,
        0.2, 0.5, 7),
    ('2026-11-20 15:00Z', 1, NULL, NULL, NULL, NULL, 0, 9.0, 9.0, 9.0, 9.0, 9.4, 9.4, 9.4, 9.4, 0.21, 0.51, 7),
    ('2026-11-20 15:05Z', 1, 8.0, 8.5, 7.5, 8.25, 3, 8.0, 8.0, 8.0, 8.0, 8.5, 8.5, 8.5, 8.5, NULL, NULL, 7),
    ('2026-11-20 15:55Z', 1, 7.0, 7.0, 7.0, 7.0, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 7),
    ('2026-11-20 15:00Z', 2, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 9)
"""
_OWN = """
VALUES ('2026-11-20 14:30Z'::timestamptz, 1, 690.5), ('2026-11-20 15:00Z', 1, 691.25), ('2026-11-20 15:05Z', 1, 692),
    ('2026-11-20 15:30Z', 1, 693.75), ('2026-11-20 15:00Z', 2, 12.0)
"""
_HOUR = "time >= '2026-11-20 15:00Z' AND time < '2026-11-20 16:00Z'"


@pytest_asyncio.fixture
async def connection(database_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Give a connection to a database with a handful of bars of two contracts and their underlyings."""
    opened = await asyncpg.connect(database_url)
    await opened.execute(_CONTRACTS)
    await opened.execute(insert("option_bars_5min", _COLUMNS, _BARS))
    await opened.execute(insert("underlying_bars_5min", "time, underlying_id, close", _OWN))
    yield opened
    await opened.close()


async def _rows(connection: "asyncpg.Connection[asyncpg.Record]", statement: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await connection.fetch(statement)]


async def test_option_bars_name_everything(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """A bar has its contract as people write it and the multiplier, both of its time, session, hours and the spot."""
    asked = (
        "SELECT occ_symbol, multiplier, session_date, to_char(new_york, 'HH24:MI'), underlying_price"
        " FROM option_bars"
        " ORDER BY contract_id, time"
    )
    day = date(2026, 11, 20)
    assert await _rows(connection, asked) == [
        ("SPY1 261218C01380000", 50, day, "09:30", Decimal("690.5")),
        ("SPY 261218C00690000", 100, day, "10:00", Decimal("691.25")),
        ("SPY 261218C00690000", 100, day, "10:05", Decimal(692)),
        ("SPY 261218C00690000", 100, day, "10:55", None),
        ("F 261218P00012500", 100, day, "10:00", Decimal(12)),
    ]
    found = await _rows(
        connection, "SELECT contract_id FROM option_bars WHERE occ_symbol = 'F 261218P00012500' AND strike_price = 12.5"
    )
    assert found == [(2,)]


async def test_hours_have_quotes_and_names(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """An hour of a contract: what traded, the last quotes, which may be of an earlier slot than the trade, the spot."""
    prices = "open, high, low, close, volume, slots, traded_slots, bid_close, ask_close, mid_close"
    asked = (
        f"SELECT occ_symbol, {prices}, implied_volatility, delta, open_interest, underlying_price,"  # noqa: S608
        f" to_char(new_york, 'HH24:MI'), symbol, strike_price FROM option_hours WHERE {_HOUR} ORDER BY contract_id"
    )
    ten = "10:00"
    first = tuple(map(Decimal, ("8", "8.5", "7", "7")))
    quotes = tuple(map(Decimal, ("8", "8.5", "8.25", "0.21", "0.51")))
    assert await _rows(connection, asked) == [
        ("SPY 261218C00690000", *first, 4, 3, 2, *quotes, 7, Decimal("693.75"), ten, "SPY", Decimal(690)),
        ("F 261218P00012500", *[None] * 4, 0, 1, 0, *[None] * 5, 9, Decimal(12), ten, "F", Decimal("12.5")),
    ]


async def test_days_have_quotes_and_names(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """A session of a contract, found by a range of time and told with its date."""
    asked = (
        "SELECT session_date, occ_symbol, open, high, low, close, volume, slots, traded_slots, bid_close, ask_close,"
        " mid_close, implied_volatility, delta, open_interest, underlying_price FROM option_days"
        " WHERE time >= '2026-11-20Z' AND time < '2026-11-21Z' AND option_type = 'C'"
    )
    told = tuple(map(Decimal, ("10", "12", "7", "7")))
    quotes = tuple(map(Decimal, ("8", "8.5", "8.25", "0.21", "0.51")))
    assert await _rows(connection, asked) == [
        (date(2026, 11, 20), "SPY 261218C00690000", *told, 9, 4, 3, *quotes, 7, Decimal("693.75"))
    ]
