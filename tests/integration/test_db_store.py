"""Storing answers: what becomes of columns, coverage and earlier values, on every engine."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from collector.db.bars import bar_tables
from collector.db.bars.bar_tables import Counts
from collector.db.bookkeeping import coverage_table as coverage
from collector.db.bookkeeping import gaps_table, session_statistics
from collector.db.connection.pool import Database
from collector.domain.errors import DatabaseError
from collector.domain.market_data.bars import Bar
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN, UNDERLYING_BARS_5MIN
from collector.domain.market_data.instruments import OPTION_SERIES, WhatToShow
from collector.domain.market_data.spans import Spans
from collector.domain.quality.flags import SlotFlag
from collector.domain.run_vocabulary import Asks
from collector.runs.fetching.judging import examined
from tests.support.db_rows import (
    COVERAGE,
    FRIDAY,
    MONDAY,
    answer,
    answers,
    make_chain,
    picture,
    quote,
    rows,
    slot,
    trade,
)

ONE, TWO = Decimal("1.2000"), Decimal("1.3000")
SESSION = '{["2026-11-20 14:30:00+00","2026-11-20 21:00:00+00")}'


async def test_series_side_by_side_in_one_row(database: Database) -> None:
    """The three series of a slot become one row, with spread and middle computed from the quotes."""
    chain = await make_chain(database)
    contract = chain.contracts[0]
    given = answers(contract, TRADES=answer([trade(0)]), BID=answer([quote(0, "1.20")]), ASK=answer([quote(0, "1.30")]))

    counts = await bar_tables.store(database, [given], 1)

    assert counts == Counts(inserted=1)
    found, coverage = await picture(database, contract)
    price = Decimal("1.2500")
    assert found == [
        (slot(0), price, price, 10, 3, ONE, TWO, Decimal("0.1000"), price, "TRADES", False, 0),
    ]
    assert coverage == [(name, SESSION, SESSION) for name in ("ASK", "BID", "TRADES")]


async def test_volume_is_unknown_then_zero(database: Database) -> None:
    """A slot with quotes has no volume until TRADES is answered; from then on it is 0, also by an empty answer."""
    contract = (await make_chain(database)).contracts[0]
    await bar_tables.store(database, [answers(contract, BID=answer([quote(0)]), ASK=answer([quote(0)]))], 1)
    before = await rows(database, "SELECT volume, data_source, has_gaps FROM option_bars_5min")

    counts = await bar_tables.store(database, [answers(contract, TRADES=answer())], 2)

    after = await rows(database, "SELECT volume, data_source, has_gaps, open FROM option_bars_5min")
    assert before == [(None, "BID_ASK", True)]
    assert after == [(0, "BID_ASK", False, None)]
    assert counts == Counts()


async def test_an_answer_touches_its_own_columns_only(database: Database) -> None:
    """A later BID answer changes the bid, and leaves trades and ask alone."""
    contract = (await make_chain(database)).contracts[0]
    whole = answers(contract, TRADES=answer([trade(0)]), BID=answer([quote(0)]), ASK=answer([quote(0, "1.30")]))
    await bar_tables.store(database, [whole], 1)

    counts = await bar_tables.store(database, [answers(contract, BID=answer([quote(0, "1.10")]))], 2)

    found = await rows(database, "SELECT close, volume, bid_close, ask_close, collection_run_id FROM option_bars_5min")
    assert found == [(Decimal("1.2500"), 10, Decimal("1.1000"), TWO, 2)]
    assert counts == Counts(updated=1)


async def test_nothing_is_erased(database: Database) -> None:
    """A series that is answered again without the bar that it had before leaves the old value where it is."""
    contract = (await make_chain(database)).contracts[0]
    await bar_tables.store(
        database, [answers(contract, TRADES=answer([trade(0), trade(1)]), BID=answer([quote(0)]))], 1
    )
    before = await picture(database, contract)

    await bar_tables.store(database, [answers(contract, TRADES=answer([trade(0)]), BID=answer())], 2)

    assert await picture(database, contract) == before


async def test_identical_answers_write_nothing(database: Database) -> None:
    """Stored again, every row counts as identical, and no row version is written."""
    chain = await make_chain(database, 3)
    batch = [
        answers(c, TRADES=answer([trade(n) for n in range(0, 78, 3)]), BID=answer([quote(n) for n in range(78)]))
        for c in chain.contracts
    ]
    first = await bar_tables.store(database, batch, 1)
    stored = "SELECT tableoid, ctid, xmin, updated_at FROM store.option_bars_5min ORDER BY 1, 2"
    versions = await rows(database, stored)

    second = await bar_tables.store(database, batch, 2)

    assert first == Counts(inserted=3 * 78)
    assert second == Counts(identical=3 * 78)
    assert (
        await rows(database, "SELECT tableoid, ctid, xmin, updated_at FROM store.option_bars_5min ORDER BY 1, 2")
        == versions
    )


async def test_revisions_keep_settled_values(database: Database) -> None:
    """What IB changes after a slot was settled stays readable, with the run that replaced it; other changes do not."""
    contract = (await make_chain(database)).contracts[0]
    early = answer([trade(0, "1.00")], slots=1, settles=False)
    await bar_tables.store(database, [answers(contract, TRADES=early)], 1)
    await bar_tables.store(database, [answers(contract, TRADES=answer([trade(0, "1.10")]))], 2)
    assert await rows(database, "SELECT * FROM bar_revisions") == []

    counts = await bar_tables.store(
        database, [answers(contract, TRADES=answer([trade(0, "1.15"), trade(4, "2.00")]))], 3
    )

    assert counts == Counts(inserted=1, updated=1)
    found = await rows(database, "SELECT contract_id, time, close, volume, run_id FROM bar_revisions ORDER BY time")
    assert found == [(contract.id, slot(0), Decimal("1.1000"), 10, 3), (contract.id, slot(4), None, None, 3)]


async def test_what_settles_is_told_by_the_caller(database: Database) -> None:
    """An empty answer covers, and settles no more than it is said to; a bar of another series makes no difference."""
    contract = (await make_chain(database)).contracts[0]

    await bar_tables.store(database, [answers(contract, TRADES=answer(settles=False), BID=answer([quote(0)]))], 1)

    assert await rows(database, COVERAGE, contract.id) == [("BID", SESSION, SESSION), ("TRADES", SESSION, "{}")]


async def test_intraday_answers_cover_without_settling(database: Database) -> None:
    """Answers of the running session merge into what is covered; nothing is settled."""
    contract = (await make_chain(database)).contracts[0]
    await bar_tables.store(database, [answers(contract, TRADES=answer([trade(0)], slots=6, settles=False))], 1)
    await bar_tables.store(database, [answers(contract, TRADES=answer([trade(7)], slots=12, settles=False))], 2)

    found = await rows(database, COVERAGE, contract.id)
    assert found == [("TRADES", '{["2026-11-20 14:30:00+00","2026-11-20 15:30:00+00")}', "{}")]


async def test_has_gaps_asks_the_configured_series(database: Database) -> None:
    """With trades alone configured, a row is complete without quotes."""
    contract = (await make_chain(database)).contracts[0]

    await bar_tables.store(
        database, [answers(contract, TRADES=answer([trade(0)]))], 1, option_series=(WhatToShow.TRADES,)
    )

    assert await rows(database, "SELECT has_gaps FROM option_bars_5min") == [(False,)]


async def test_a_row_that_only_becomes_complete_counts_as_identical(database: Database) -> None:
    """The same values stored again after their coverage was forgotten: has_gaps is written, and nothing has changed."""
    contract = (await make_chain(database)).contracts[0]
    trades = answers(contract, TRADES=answer([trade(0)]))
    quotes = answers(contract, BID=answer([quote(0, "1.20")]), ASK=answer([quote(0, "1.30")]))
    await bar_tables.store(database, [trades, quotes], 1)
    await coverage.forget(database, FRIDAY, ["PLTR"], FRIDAY.day)

    first = await bar_tables.store(database, [trades], 2)
    between = await rows(database, "SELECT has_gaps, collection_run_id FROM option_bars_5min")
    second = await bar_tables.store(database, [quotes], 3)

    assert (first, second) == (Counts(identical=1), Counts(identical=1))
    assert between == [(True, 1)]
    assert await rows(database, "SELECT has_gaps, collection_run_id FROM option_bars_5min") == [(False, 3)]


async def test_fractional_volume_is_rounded_and_flagged(database: Database) -> None:
    """IB's fractional volumes become whole contracts, and the row says so; a whole one later takes the flag away."""
    contract = (await make_chain(database)).contracts[0]
    traded = answers(contract, TRADES=answer([trade(0, volume="2.5"), trade(1, volume="3.0")]))
    fractional = examined(traded, OPTION_BARS_5MIN, [FRIDAY])
    await bar_tables.store(database, [fractional], 1)
    first = await rows(database, "SELECT volume, flags FROM option_bars_5min ORDER BY time")

    again = await bar_tables.store(database, [fractional], 2)
    await bar_tables.store(database, [answers(contract, TRADES=answer([trade(0, volume="4")]))], 3)

    assert first == [(3, SlotFlag.FRACTIONAL_VOLUME), (3, 0)]
    assert again == Counts(identical=2)
    assert await rows(database, "SELECT volume, flags FROM option_bars_5min ORDER BY time") == [(4, 0), (3, 0)]


async def test_prices_are_rounded_to_the_columns(database: Database) -> None:
    """A price with more decimals than the column is rounded half away from zero, and then compares as identical."""
    contract = (await make_chain(database)).contracts[0]
    given = answers(contract, TRADES=answer([trade(0, "1.00005")]))
    await bar_tables.store(database, [given], 1)

    assert await bar_tables.store(database, [given], 2) == Counts(identical=1)
    assert await rows(database, "SELECT close, vwap FROM option_bars_5min") == [(Decimal("1.0001"), Decimal("1.0001"))]


async def test_prices_that_change_outdate_the_greeks(database: Database) -> None:
    """Greeks computed from prices that changed lose their version; an identical answer leaves it."""
    contract = (await make_chain(database)).contracts[0]
    given = [answers(contract, BID=answer([quote(0)]))]
    await bar_tables.store(database, given, 1)
    await rows(database, "UPDATE store.option_bars_5min SET greeks_version = 1, delta = 5000 RETURNING 1")

    await bar_tables.store(database, given, 2)
    same = await rows(database, "SELECT greeks_version, delta FROM option_bars_5min")
    await bar_tables.store(database, [answers(contract, BID=answer([quote(0, "9")]))], 2)

    assert same == [(1, Decimal("0.5000"))]
    assert await rows(database, "SELECT greeks_version, delta FROM option_bars_5min") == [(None, Decimal("0.5000"))]


async def test_underlying_bars(database: Database) -> None:
    """The underlying's trades and implied volatility share a row; shares keep their decimals; changes are kept."""
    underlying = (await make_chain(database)).underlying
    trades = answer([trade(0, "180.5", "1200.5")])
    first = await bar_tables.store(database, [answers(underlying, TRADES=trades)], 1)
    volatility = answers(underlying, OPTION_IMPLIED_VOLATILITY=answer([quote(0, "0.4512")]))
    second = await bar_tables.store(database, [volatility], 2)
    third = await bar_tables.store(database, [volatility, answers(underlying, TRADES=trades)], 3)
    await bar_tables.store(database, [answers(underlying, OPTION_IMPLIED_VOLATILITY=answer([quote(0, "0.4600")]))], 4)

    assert (first, second, third) == (Counts(inserted=1), Counts(updated=1), Counts(identical=1))
    found = await rows(
        database, "SELECT underlying_id, time, close, volume, implied_volatility, has_gaps FROM underlying_bars_5min"
    )
    price, iv = Decimal("180.5000"), Decimal("0.4600")
    assert found == [(underlying.id, slot(0), price, Decimal("1200.5000"), iv, False)]
    revisions = await rows(database, "SELECT underlying_id, implied_volatility, run_id FROM bar_revisions")
    assert revisions == [(underlying.id, Decimal("0.4512"), 4)]


async def test_mixed_batch_of_days_and_kinds(database: Database) -> None:
    """Options and underlying, Friday and Monday, an instrument twice: one batch, each in its place."""
    chain = await make_chain(database, 3)
    first, second, third = chain.contracts
    batch = [
        answers(chain.underlying, TRADES=answer([trade(0, "180")])),
        answers(first, TRADES=answer([trade(0)])),
        answers(second, TRADES=answer([trade(0, session=MONDAY)], session=MONDAY)),
        answers(third, TRADES=answer([trade(0)])),
        answers(third, TRADES=answer([trade(0, session=MONDAY)], session=MONDAY), BID=answer([quote(1)])),
    ]

    assert await bar_tables.store(database, batch, 1) == Counts(inserted=6)
    assert await bar_tables.store(database, batch, 2) == Counts(identical=6)
    found = await rows(database, "SELECT contract_id, time FROM option_bars_5min ORDER BY contract_id, time")
    assert found == [
        (first.id, slot(0)),
        (second.id, slot(0, MONDAY)),
        (third.id, slot(0)),
        (third.id, slot(1)),
        (third.id, slot(0, MONDAY)),
    ]


async def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    """A batch with a value that the table refuses stores none of its bars and covers nothing; the next one works."""
    chain = await make_chain(database)
    good, bad = chain.contracts
    huge = 10**12
    impossible = Bar(slot(0), huge, huge, huge, huge, 10_000, 1, huge)

    with pytest.raises(DatabaseError, match="out of range for type integer"):
        await bar_tables.store(
            database, [answers(good, TRADES=answer([trade(0)])), answers(bad, TRADES=answer([impossible]))], 1
        )

    assert await rows(database, "SELECT 1 FROM option_bars_5min UNION ALL SELECT 1 FROM request_coverage") == []
    assert await bar_tables.store(database, [answers(good, TRADES=answer([trade(0)]))], 1) == Counts(inserted=1)


async def test_a_cancelled_store_leaves_all_or_nothing(database: Database) -> None:
    """A task that is cancelled while it stores leaves bars and coverage together, or neither."""
    chain = await make_chain(database, 40)
    batch = [answers(c, TRADES=answer([trade(n) for n in range(78)])) for c in chain.contracts]
    for delay_s in (0.0, 0.002, 0.01, 0.02, 0.03, 0.05):
        task = asyncio.create_task(bar_tables.store(database, batch, 1))
        await asyncio.sleep(delay_s)  # real time: where the server is meanwhile is what the delays vary
        task.cancel()
        await asyncio.wait({task})
        stored = await rows(database, "SELECT count(*) FROM option_bars_5min")
        covered = await rows(database, "SELECT count(*) FROM request_coverage")
        assert (stored, covered) in (([(0,)], [(0,)]), ([(40 * 78,)], [(40,)]))
    await bar_tables.store(database, batch, 1)
    assert await rows(database, "SELECT count(*) FROM option_bars_5min") == [(40 * 78,)]


async def test_nothing_to_store(database: Database) -> None:
    """An empty batch is no transaction; an instrument without a database id is a mistake of the caller."""
    chain = await make_chain(database)
    assert await bar_tables.store(database, [], 1) == Counts()
    stranger = answers(type(chain.underlying)("X", 1), TRADES=answer())
    with pytest.raises(ValueError, match="no database id"):
        await bar_tables.store(database, [stranger], 1)


async def test_a_week_in_one_answer(database: Database) -> None:
    """One answer over two sessions settles each to its close, and nothing of the nights between."""
    contract = (await make_chain(database)).contracts[0]
    both = Spans([FRIDAY.span, MONDAY.span])
    week = bar_tables.SeriesAnswer((trade(0), trade(0, session=MONDAY)), both, both)
    await bar_tables.store(database, [answers(contract, TRADES=week)], 1)

    stored = '{["2026-11-20 14:30:00+00","2026-11-20 21:00:00+00"),["2026-11-23 14:30:00+00","2026-11-23 21:00:00+00")}'
    assert await rows(database, COVERAGE, contract.id) == [("TRADES", stored, stored)]


async def test_correcting_a_close_makes_the_slots_between_missing(database: Database) -> None:
    """What was asked to 16:00 is not settled to 16:15: three slots of every series are missing, gaps, unknown."""
    chain = await make_chain(database, 1)
    (contract,) = chain.contracts
    whole = answers(contract, TRADES=answer([trade(0)]), BID=answer([quote(0)]), ASK=answer([quote(0)]))
    await bar_tables.store(database, [whole, answers(chain.underlying, TRADES=answer([trade(0)]))], 1)
    later = replace(FRIDAY, close=FRIDAY.close + timedelta(minutes=15))
    options = (database, OPTION_BARS_5MIN, chain.underlying.id, [later], OPTION_SERIES)
    underlyings = (database, UNDERLYING_BARS_5MIN, chain.underlying.id, [later], [WhatToShow.TRADES])

    lacking = await coverage.missing(*options, Asks.NOT_SETTLED)
    own = await coverage.missing(*underlyings, Asks.NOT_SETTLED)
    found = await gaps_table.record(*options) + await gaps_table.record(*underlyings)
    measured = await session_statistics.measure(database, OPTION_BARS_5MIN, chain.underlying.id, later, OPTION_SERIES)

    between = Spans.of(FRIDAY.close, later.close)
    assert [one.missing for one in lacking] == [between] * 3
    assert [one.missing for one in own] == [between]
    assert found.opened == 4
    assert (measured.traded, measured.no_trade, measured.unknown) == (1, 77, 3)
