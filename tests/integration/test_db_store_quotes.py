"""Open, high and low of BID and ASK bars: kept, compared, filled where only the close is stored."""

from decimal import Decimal

import pytest

from collector.db.bars import bar_tables
from collector.db.bars.bar_tables import Counts
from collector.db.bookkeeping import coverage_table
from collector.db.bookkeeping.coverage_table import Missing
from collector.db.connection.pool import Database
from collector.domain.market_data.bars import Bar, whole
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.market_data.instruments import WhatToShow
from collector.domain.market_data.spans import Spans
from collector.domain.quality.flags import SlotFlag
from tests.support.db_rows import FRIDAY, MONDAY, A, B, T, answer, answers, make_chain, quote, rows, slot, trade

QUOTES = """
SELECT bid_open, bid_high, bid_low, bid_close, ask_open, ask_high, ask_low, ask_close
FROM option_bars_5min ORDER BY time
"""
REVISIONS = "SELECT bid_open, bid_high, bid_low, bid_close, ask_close, run_id FROM bar_revisions ORDER BY id"


def decimals(*prices: str) -> tuple[Decimal, ...]:
    """Return prices as the columns give them."""
    return tuple(Decimal(price).quantize(Decimal("0.0001")) for price in prices)


def moving(number: int, *prices: str) -> Bar:
    """Return a quote bar with an open, high, low and close of its own."""
    open_, high, low, close = map(whole, prices)
    return Bar(slot(number), open_, high, low, close)


async def test_each_side_keeps_its_whole_bar(database: Database) -> None:
    """Open, high, low and close of BID and of ASK stand in the row, and in the view for people."""
    contract = (await make_chain(database)).contracts[0]
    bid, ask = ("1.20", "1.25", "1.10", "1.15"), ("1.30", "1.40", "1.28", "1.35")
    given = answers(contract, BID=answer([moving(0, *bid)]), ASK=answer([moving(0, *ask)]))

    assert await bar_tables.store(database, [given], 1) == Counts(inserted=1)
    assert await bar_tables.store(database, [given], 2) == Counts(identical=1)

    assert await rows(database, QUOTES) == [decimals(*bid, *ask)]
    assert await rows(database, QUOTES.replace("option_bars_5min", "option_bars")) == [decimals(*bid, *ask)]


@pytest.mark.parametrize("place", range(3))
async def test_a_changed_price_of_a_settled_quote_is_a_revision(database: Database, place: int) -> None:
    """A new open, high or low replaces the old one, which stays readable; Greeks rest on closes and stay."""
    contract = (await make_chain(database)).contracts[0]
    before = ["1.20", "1.25", "1.10", "1.15"]
    after = [*before]
    after[place] = ["1.22", "1.27", "1.05"][place]
    await bar_tables.store(database, [answers(contract, BID=answer([moving(0, *before)]))], 1)
    await rows(database, "UPDATE store.option_bars_5min SET greeks_version = 1 RETURNING 1")

    counts = await bar_tables.store(database, [answers(contract, BID=answer([moving(0, *after)]))], 2)

    assert counts == Counts(updated=1)
    assert await rows(database, QUOTES) == [(*decimals(*after), None, None, None, None)]
    assert await rows(database, REVISIONS) == [(*decimals(*before), None, 2)]
    assert await rows(database, "SELECT greeks_version FROM option_bars_5min") == [(1,)]


async def test_quotes_known_by_their_close_are_filled(database: Database) -> None:
    """What an earlier version stored gets its other prices: an update, no revision; flags and Greeks stay."""
    contract = (await make_chain(database)).contracts[0]
    both = answers(contract, BID=answer([moving(0, "1.20", "1.25", "1.10", "1.15")]), ASK=answer([quote(0, "1.30")]))
    await bar_tables.store(database, [both], 1)
    flag = int(SlotFlag.BID_JUMP)
    await rows(
        database,
        f"UPDATE store.option_bars_5min SET bid_open = NULL, bid_up = NULL, bid_down = NULL, flags = {flag}, "  # noqa: S608
        "greeks_version = 1 RETURNING 1",
    )

    counts = await bar_tables.store(database, [answers(contract, BID=both.series[B])], 2)

    assert counts == Counts(updated=1)
    assert (await rows(database, QUOTES))[0][:4] == decimals("1.20", "1.25", "1.10", "1.15")
    assert await rows(database, "SELECT flags, greeks_version FROM option_bars_5min") == [(flag, 1)]
    assert await rows(database, REVISIONS) == []


async def test_sessions_that_lack_columns_are_found(database: Database) -> None:
    """Settled sessions with a quote by its close alone, series by series; not TRADES, nor what is not settled yet."""
    chain = await make_chain(database, 3)
    first, second, third = chain.contracts
    batch = [
        answers(c, TRADES=answer([trade(0)]), BID=answer([quote(0), quote(1)]), ASK=answer([quote(0)]))
        for c in chain.contracts
    ]
    batch += [answers(first, BID=answer([quote(0, session=MONDAY)], session=MONDAY, settles=False))]
    batch += [answers(second, ASK=answer([quote(0, session=MONDAY)], session=MONDAY))]
    await bar_tables.store(database, batch, 1)
    underlying, sessions, series = chain.underlying.id, (FRIDAY, MONDAY), (T, B, A)
    assert await coverage_table.lacking_columns(database, OPTION_BARS_5MIN, underlying, sessions, series) == []
    await rows(
        database,
        "UPDATE store.option_bars_5min SET bid_open = NULL, ask_open = NULL WHERE contract_id <> $1 RETURNING 1",
        third.id,
    )
    await rows(database, "UPDATE store.option_bars_5min SET ask_open = 1 WHERE contract_id = $1 RETURNING 1", first.id)

    found = await coverage_table.lacking_columns(database, OPTION_BARS_5MIN, underlying, sessions, series)

    friday, both = Spans((FRIDAY.span,)), Spans((FRIDAY.span, MONDAY.span))
    assert found == [Missing(first.id, B, friday), Missing(second.id, A, both), Missing(second.id, B, friday)]
    assert await coverage_table.lacking_columns(database, OPTION_BARS_5MIN, underlying, (MONDAY,), series) == [
        Missing(second.id, A, Spans((MONDAY.span,)))
    ]
    assert await coverage_table.lacking_columns(
        database, OPTION_BARS_5MIN, underlying, sessions, (B,), [second.id]
    ) == [Missing(second.id, WhatToShow.BID, friday)]
    assert await coverage_table.lacking_columns(database, OPTION_BARS_5MIN, underlying, (), series) == []
