"""The simulator's truth as the rows that the database must hold; computed without any code of the collector's own."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg

from collector.simulator.market import Market

NEW_YORK = ZoneInfo("America/New_York")
_CENT_OF_CENT = Decimal("0.0001")

OptionRow = tuple[Any, ...]
"""The columns of the statements below, from `open` on."""

_OPTION_ROWS = """
SELECT c.ib_con_id, b.time, b.open, b.high, b.low, b.close, b.volume, b.bar_count, b.vwap,
       b.bid_open, b.bid_high, b.bid_low, b.bid_close, b.ask_open, b.ask_high, b.ask_low, b.ask_close,
       b.data_source, b.has_gaps
FROM option_bars_5min b JOIN option_chains c ON c.id = b.contract_id
"""
_UNDERLYING_ROWS = """
SELECT u.ib_con_id, b.time, b.open, b.high, b.low, b.close, b.volume, b.bar_count, b.vwap, b.implied_volatility,
       b.has_gaps
FROM underlying_bars_5min b JOIN underlying_securities u ON u.id = b.underlying_id
"""
_SELECTED = """
SELECT c.ib_con_id FROM option_chains c JOIN option_contract_lifecycle l ON l.contract_id = c.id
WHERE l.selected @> $1::date
"""


def quantised(value: Decimal | None) -> Decimal | None:
    """Return a value as a column of four places keeps it (PostgreSQL rounds halves away from zero)."""
    return None if value is None else value.quantize(_CENT_OF_CENT, ROUND_HALF_UP)


def span_of(days: Iterable[date]) -> tuple[datetime, datetime]:
    """Return New York's midnights around some days, in UTC."""
    ordered = sorted(days)
    start = datetime.combine(ordered[0], time(0), NEW_YORK)
    return start.astimezone(UTC), (datetime.combine(ordered[-1], time(0), NEW_YORK) + timedelta(days=1)).astimezone(UTC)


def option_truth(market: Market, con_id: int, span: tuple[datetime, datetime]) -> dict[datetime, OptionRow]:
    """Return the row of every slot that the truth has, by the slot's start; only slots inside the product's session."""
    option = market.option(con_id)
    assert option is not None
    series = {what: {bar.time: bar for bar in market.truth(con_id, what, span)} for what in ("TRADES", "BID", "ASK")}
    rows: dict[datetime, OptionRow] = {}
    for slot in sorted(set().union(*series.values())):
        close = market.product_close(option.symbol, slot.astimezone(NEW_YORK).date())
        if close is None or slot >= close:
            continue
        trade, bid, ask = (series[what].get(slot) for what in ("TRADES", "BID", "ASK"))
        prices = (
            (None, None, None, None, 0, None, None)
            if trade is None
            else (*map(quantised, trade[1:5]), int(trade.volume), trade.count, quantised(trade.wap))
        )
        quotes = [quantised(price) for quote in (bid, ask) for price in (quote[1:5] if quote else (None,) * 4)]
        rows[slot] = (*prices, *quotes, "BID_ASK" if trade is None else "TRADES", False)
    return rows


def underlying_truth(market: Market, symbol: str, span: tuple[datetime, datetime]) -> dict[datetime, OptionRow]:
    """Return the underlying's row of every slot that the truth has."""
    stock = market.stock(symbol)
    assert stock is not None
    trades = {bar.time: bar for bar in market.truth(stock.con_id, "TRADES", span)}
    volatility = {bar.time: bar for bar in market.truth(stock.con_id, "OPTION_IMPLIED_VOLATILITY", span)}
    rows: dict[datetime, OptionRow] = {}
    for slot in sorted({*trades, *volatility}):
        close = market.product_close(symbol, slot.astimezone(NEW_YORK).date())
        if close is None or slot >= close:
            continue
        bar, iv = trades.get(slot), volatility.get(slot)
        prices = (
            (None,) * 7
            if bar is None
            else (*map(quantised, bar[1:5]), quantised(bar.volume), bar.count, quantised(bar.wap))
        )
        rows[slot] = (*prices, quantised(iv.close) if iv else None, False)
    return rows


async def stored(url: str, statement: str) -> dict[int, dict[datetime, OptionRow]]:
    """Return rows by IB contract id and slot."""
    connection = await asyncpg.connect(url)
    try:
        found: dict[int, dict[datetime, OptionRow]] = {}
        for row in await connection.fetch(statement):
            found.setdefault(row[0], {})[row[1]] = tuple(row)[2:]
        return found
    finally:
        await connection.close()


async def stored_options(url: str) -> dict[int, dict[datetime, OptionRow]]:
    """Return every stored row of an option, by IB contract id and slot."""
    return await stored(url, _OPTION_ROWS)


async def stored_underlyings(url: str) -> dict[int, dict[datetime, OptionRow]]:
    """Return every stored row of an underlying, by IB contract id and slot."""
    return await stored(url, _UNDERLYING_ROWS)


async def selected(url: str, day: date) -> set[int]:
    """Return the IB contract ids that are selected for a session."""
    connection = await asyncpg.connect(url)
    try:
        return {row[0] for row in await connection.fetch(_SELECTED, day)}
    finally:
        await connection.close()


async def compare(url: str, market: Market, days: Iterable[date], symbols: Iterable[str]) -> Mapping[str, int]:
    """Compare all tables of bars with the truth of some sessions; every difference is an assertion.

    Returns:
        How much was compared: contracts, rows, values.
    """
    days = list(days)
    span = span_of(days)
    options, underlyings = await stored(url, _OPTION_ROWS), await stored(url, _UNDERLYING_ROWS)
    chosen = set().union(*[await selected(url, day) for day in days])
    assert set(options) <= chosen, "bars of contracts that were not selected"
    rows = values = 0
    for con_id in chosen:
        expected = option_truth(market, con_id, span)
        assert options.get(con_id, {}) == expected, (
            f"contract {con_id} differs: {_difference(options.get(con_id, {}), expected)}"
        )
        rows += len(expected)
        values += sum(value is not None for row in expected.values() for value in row)
    for symbol in symbols:
        stock = market.stock(symbol)
        assert stock is not None
        expected = underlying_truth(market, symbol, span)
        assert underlyings.get(stock.con_id, {}) == expected, _difference(underlyings.get(stock.con_id, {}), expected)
        rows += len(expected)
    return {"contracts": len(chosen), "rows": rows, "values": values}


def _difference(found: Mapping[datetime, OptionRow], expected: Mapping[datetime, OptionRow]) -> str:
    for slot in sorted({*found, *expected}):
        if found.get(slot) != expected.get(slot):
            return f"{slot}: stored {found.get(slot)}, true {expected.get(slot)}"
    return "equal"
