"""Bars in whole numbers: units and wicks in the store, exact decimals in the views, which nobody writes."""

import random
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

import asyncpg
import numpy as np
import pytest

from collector.db.bars import bar_tables, greeks_columns
from collector.db.connection.pool import Database
from collector.domain.market_data.bars import Bar, whole
from collector.domain.pricing.chain import Computed, Terms
from collector.domain.pricing.dividends import DividendSource
from collector.domain.pricing.parity import Carry, Prior
from tests.support.db_rows import FRIDAY, answer, answers, make_chain, quote, rows, slot, trade

STORED = "SELECT unit, open, up, down, close, vwap_off FROM store.option_bars_5min"
PRICES = "SELECT open, high, low, close, vwap FROM option_bars_5min"
CENT = Decimal("0.0001")


def bar_of(
    number: int, prices: Sequence[Decimal], volume: Decimal = Decimal(3), count: int = 1, vwap: Decimal | None = None
) -> Bar:
    """Return a bar of a slot: open, high, low and close."""
    open_, high, low, close = map(whole, prices)
    return Bar(slot(number), open_, high, low, close, whole(volume), count, None if vwap is None else whole(vwap))


def usd(prices: str) -> list[Decimal]:
    """Return prices that stand in one line."""
    return [Decimal(price) for price in prices.split()]


async def test_a_row_leaves_cents_and_comes_back(database: Database) -> None:
    """A row in cents that gets a price of 1.2345 is rescaled whole, its other series too; and back in cents later."""
    contract = (await make_chain(database)).contracts[0]
    cents = bar_of(0, usd("1.20 1.30 1.10 1.25"), vwap=Decimal("1.2222"))
    await bar_tables.store(database, [answers(contract, TRADES=answer([cents]), BID=answer([quote(0, "1.19")]))], 1)
    assert await rows(database, STORED) == [(100, 120, 5, 10, 125, -278)]

    finer = bar_of(0, usd("1.20 1.30 1.10 1.2345"), vwap=Decimal("1.2222"))
    await bar_tables.store(database, [answers(contract, TRADES=answer([finer]))], 2)
    assert await rows(database, STORED) == [(1, 12000, 655, 1000, 12345, -123)]
    assert await rows(database, PRICES) == [tuple(usd("1.2000 1.3000 1.1000 1.2345 1.2222"))]
    assert await rows(database, "SELECT bid_close FROM store.option_bars_5min") == [(11900,)]

    await bar_tables.store(database, [answers(contract, TRADES=answer([cents]))], 3)
    assert await rows(database, STORED) == [(100, 120, 5, 10, 125, -278)]
    assert await rows(database, "SELECT bid_close, bid_open FROM option_bars_5min") == [(Decimal("1.19"),) * 2]
    kept = "SELECT close, vwap FROM bar_revisions ORDER BY id"
    assert await rows(database, kept) == [(Decimal("1.25"), Decimal("1.2222")), (Decimal("1.2345"), Decimal("1.2222"))]


async def test_views_show_what_was_sent(database: Database) -> None:
    """Random bars of every series come back digit by digit; spread and middle are theirs; both views agree."""
    draw = random.Random(15)
    contract = (await make_chain(database)).contracts[0]
    digits = [draw.choice(["0.01", "0.05", "0.0001"]) for _ in range(78)]

    def drawn() -> list[tuple[list[Decimal], Decimal, int, Decimal]]:
        found = []
        for step in digits:
            low, high = sorted(draw.randrange(1, 10 ** draw.randrange(2, 7)) for _ in range(2))
            prices = [
                Decimal(one) * Decimal(step) for one in (draw.randint(low, high), high, low, draw.randint(low, high))
            ]
            found.append(
                (prices, Decimal(draw.randrange(10**6)), draw.randrange(99), Decimal(draw.randint(low, high)) * CENT)
            )
        return found

    trades, bids, asks = drawn(), drawn(), drawn()
    series = {
        name: answer([bar_of(number, *one) for number, one in enumerate(every)])
        for name, every in (("TRADES", trades), ("BID", bids), ("ASK", asks))
    }
    await bar_tables.store(database, [answers(contract, **series)], 1)

    expected: list[tuple[Decimal | int, ...]] = [
        (
            *prices, volume, count, vwap, *bid, *ask, ask[3] - bid[3],
            ((bid[3] + ask[3]) / 2).quantize(CENT, ROUND_HALF_UP),
        )
        for (prices, volume, count, vwap), (bid, *_), (ask, *_) in zip(trades, bids, asks, strict=True)
    ]  # fmt: skip
    shown = (
        "SELECT open, high, low, close, volume, bar_count, vwap, bid_open, bid_high, bid_low, bid_close, ask_open,"
        " ask_high, ask_low, ask_close, spread_close, mid_close FROM option_bars_5min{} ORDER BY time"
    )
    assert await rows(database, shown.format("")) == expected
    floats = await rows(database, shown.format("_float8"))
    assert [row[:15] for row in floats] == [tuple(float(one) for one in row[:15]) for row in expected]
    assert floats == [pytest.approx(tuple(float(one) for one in row), abs=6e-5) for row in expected]


async def test_a_range_inside_its_own_bar_is_kept(database: Database) -> None:
    """A bar whose high and low lie inside its open and close is shown as it was sent."""
    contract = (await make_chain(database)).contracts[0]
    prices = usd("1.20 1.22 1.21 1.25")
    await bar_tables.store(database, [answers(contract, TRADES=answer([bar_of(0, prices)]))], 1)
    assert await rows(database, STORED) == [(100, 120, -3, -1, 125, None)]
    assert await rows(database, "SELECT open, high, low, close FROM option_bars_5min") == [tuple(prices)]


async def test_underlyings_are_exact_too(database: Database) -> None:
    """Prices beyond 214,748 USD and fractional shares of an underlying come back digit by digit."""
    underlying = (await make_chain(database)).underlying
    prices = usd("712345.6789 999999.9999 0.0001 712345.6")
    volume, vwap = Decimal("123456789.5"), Decimal("700000.0001")
    series = {
        "TRADES": answer([bar_of(0, prices, volume, 7, vwap)]),
        "OPTION_IMPLIED_VOLATILITY": answer([quote(0, "0.2345")]),
    }
    await bar_tables.store(database, [answers(underlying, **series)], 1)
    shown = "SELECT open, high, low, close, volume, bar_count, vwap, implied_volatility FROM underlying_bars_5min"
    assert await rows(database, shown) == [(*prices, volume, 7, vwap, Decimal("0.2345"))]


@pytest.mark.parametrize("view", ["option_bars_5min", "option_bars_5min_float8", "underlying_bars_5min"])
async def test_a_view_is_not_written(database: Database, view: str) -> None:
    """Whoever writes to a view of bars is told that it is one, and where bars are."""
    chain = await make_chain(database)
    await bar_tables.store(
        database, [answers(one, TRADES=answer([trade(0)])) for one in (chain.underlying, chain.contracts[0])], 1
    )
    key = "underlying_id" if view.startswith("underlying") else "contract_id"
    for statement in (
        f"INSERT INTO {view} (time, {key}) VALUES ('{FRIDAY.open}', 1)",  # noqa: S608 - our names
        f"UPDATE {view} SET has_gaps = true",  # noqa: S608
        f"DELETE FROM {view}",  # noqa: S608
    ):
        with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError, match=f"{view} is a view: bars are"):
            await rows(database, statement)


async def test_a_gamma_beyond_its_column_is_unknown(database: Database) -> None:
    """An option about to expire at the money may have a gamma that nothing holds; its other Greeks are stored."""
    chain = await make_chain(database)
    contract = chain.contracts[0]
    await bar_tables.store(database, [answers(contract, TRADES=answer([trade(0), trade(1)]))], 1)
    gammas = np.array([[2147.5, 2147.25]])
    numbers = np.full((1, 2), 0.25)
    reasons = np.zeros((1, 2), dtype=np.int64)
    source = DividendSource.CONFIGURED
    computed = Computed(Carry(0.0, 0.0, 0), source, reasons, numbers, numbers, gammas, numbers, numbers, numbers)
    slots, spot = [slot(0), slot(1)], np.array([100.0, 100.0])
    ids, expires_at = np.array([contract.id]), FRIDAY.close

    await greeks_columns.write(
        database, chain.underlying.id, FRIDAY, contract.expiration, ids, slots, spot, expires_at, computed,
        Terms(0.04, Prior(0.0)), 1,
    )  # fmt: skip

    shown = "SELECT implied_volatility, delta, gamma, rho FROM option_bars_5min ORDER BY time"
    quarter = Decimal("0.25")
    assert await rows(database, shown) == [
        (quarter, quarter, None, quarter),
        (quarter, quarter, Decimal("2147.25"), quarter),
    ]
