"""Contracts and their life: stored once, seen, vanished, selected until they expire, collected to the end."""

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from collector.db.bars import bar_tables
from collector.db.bookkeeping import coverage_table
from collector.db.bookkeeping import gaps_table as gaps
from collector.db.connection.pool import Database
from collector.db.contracts import contract_tables, lifecycle
from collector.db.contracts.contract_tables import Stored
from collector.db.contracts.lifecycle import Expiries
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN, UNDERLYING_BARS_5MIN
from collector.domain.market_data.instruments import OPTION_SERIES, OptionContract, Right, Underlying, WhatToShow
from collector.domain.market_data.spans import Spans
from collector.domain.run_vocabulary import Asks
from tests.support.db_rows import EXPIRATION, FRIDAY, MONDAY, answer, answers, make_chain, quote, rows

TODAY = date(2026, 11, 20)


def call(con_id: int, strike: str) -> OptionContract:
    """Return a call of the test's chain."""
    return OptionContract("PLTR", con_id, EXPIRATION, Decimal(strike), Right.CALL, trading_class="PLTR")


async def test_underlying_is_kept_with_its_id(database: Database) -> None:
    """An underlying gets an id, keeps it when it is defined again, and is found by its symbol."""
    assert await contract_tables.underlying(database, "PLTR") is None
    first = await contract_tables.add_underlying(database, Underlying("PLTR", 444857009, primary_exchange="NYSE"))
    second = await contract_tables.add_underlying(database, Underlying("PLTR", 444857009, primary_exchange="NASDAQ"))
    assert first.id == second.id > 0
    assert await contract_tables.underlying(database, "PLTR") == second
    assert await contract_tables.underlyings(database) == [second]


async def test_a_renamed_ticker_keeps_its_history(database: Database) -> None:
    """IB's number under another symbol is the same underlying: it takes the symbol, and keeps its id."""
    before = await contract_tables.add_underlying(database, Underlying("FB", 107113386))

    after = await contract_tables.add_underlying(database, Underlying("META", 107113386, name="META PLATFORMS INC"))

    assert after.id == before.id
    assert await contract_tables.underlying(database, "FB") is None
    assert await contract_tables.underlyings(database) == [after]


async def test_a_ticker_that_another_underlying_had(database: Database) -> None:
    """A symbol that is stored already takes the number; whoever had the number waits to be defined again."""
    fund = await contract_tables.add_underlying(database, Underlying("META", 494384293))
    company = await contract_tables.add_underlying(database, Underlying("FB", 107113386))

    renamed = await contract_tables.add_underlying(database, Underlying("META", 107113386))

    assert renamed.id == fund.id
    assert await contract_tables.underlyings(database) == [renamed]
    left = await contract_tables.underlying(database, "FB")
    assert left is not None
    assert (left.id, left.source_id) == (company.id, -company.id)
    assert await contract_tables.add_underlying(database, Underlying("FB", 600000000)) == replace(
        left, source_id=600000000
    )


async def test_expirations_are_asked_once_a_day(database: Database) -> None:
    """The listed expirations are known on the day on which they were asked, and not on the next."""
    underlying = await contract_tables.add_underlying(database, Underlying("PLTR", 444857009))
    assert await contract_tables.known_expirations(database, underlying.id, TODAY) is None
    listed = [date(2026, 11, 27), date(2026, 12, 4)]
    await contract_tables.remember_expirations(database, underlying.id, TODAY, listed)
    assert await contract_tables.known_expirations(database, underlying.id, TODAY) == listed
    assert await contract_tables.known_expirations(database, underlying.id, TODAY + timedelta(days=1)) is None


async def test_contracts_of_an_underlying_get_neighbouring_ids(database: Database) -> None:
    """Calls before puts, each by strike, one after the other, also when another underlying's come in between."""
    first, second = [
        await contract_tables.add_underlying(database, Underlying(symbol, con_id))
        for symbol, con_id in (("A", 1), ("B", 2))
    ]

    async def added(underlying: Underlying, expiration: date, con_id: int) -> list[int]:
        listed = [
            OptionContract(underlying.symbol, con_id + number, expiration, Decimal(strike), right)
            for number, (strike, right) in enumerate([(90, Right.PUT), (90, Right.CALL), (80, Right.CALL)])
        ]
        await contract_tables.store_expiration(database, underlying.id, expiration, listed, seen_at=FRIDAY.open)
        found = await contract_tables.listed(database, underlying.id, expiration, expiration)
        return [contract.id for contract in sorted(found, key=lambda contract: -contract.source_id)]

    one = await added(first, EXPIRATION, 10)
    other = await added(second, EXPIRATION, 20)
    later, beside = await asyncio.gather(
        added(first, EXPIRATION + timedelta(days=7), 30), added(first, EXPIRATION + timedelta(days=14), 40)
    )
    start = one[0]
    assert one == list(range(start, start + 3))
    assert sorted(one + later + beside) == list(range(start, start + 9))
    assert other[0] > start + 9
    bounds = await database.fetchrow("contract_range", first.id, FRIDAY.open)
    assert bounds is not None
    assert (bounds["first_id"], bounds["last_id"]) == (start, start + 8)
    dead = await database.fetchrow("contract_range", first.id, FRIDAY.open + timedelta(days=365))
    assert dead is not None
    assert dead["first_id"] is None


async def test_an_expiration_new_seen_again_and_vanished(database: Database) -> None:
    """What IB lists is stored once by its id; what it lists no more is marked, and comes back when listed again."""
    underlying = await contract_tables.add_underlying(database, Underlying("PLTR", 444857009))

    async def listing(*listed: OptionContract, days: int = 0) -> Stored:
        seen_at = FRIDAY.open + timedelta(days=days)
        return await contract_tables.store_expiration(database, underlying.id, EXPIRATION, listed, seen_at=seen_at)

    assert await listing(call(1, "100"), call(2, "102.5")) == Stored(seen=2, new=2)
    assert await contract_tables.refreshed_expirations(database, underlying.id, TODAY) == {EXPIRATION}
    assert await contract_tables.refreshed_expirations(database, underlying.id, TODAY + timedelta(days=1)) == set()
    ids = [c.id for c in await contract_tables.listed(database, underlying.id, EXPIRATION, EXPIRATION)]

    assert await listing(call(2, "102.5"), call(3, "105"), days=1) == Stored(seen=2, new=1, vanished=1)
    assert [c.source_id for c in await contract_tables.listed(database, underlying.id, EXPIRATION, EXPIRATION)] == [
        2,
        3,
    ]
    # What is listed later than a session did not exist on it; how old the very first reading is nobody knows.
    for day, con_ids in ((TODAY + timedelta(days=1), [2, 3]), (TODAY, [2]), (TODAY - timedelta(days=9), [2])):
        on_it = await contract_tables.listed(database, underlying.id, EXPIRATION, EXPIRATION, on=day)
        assert [c.source_id for c in on_it] == con_ids
    lives = await rows(
        database, "SELECT first_seen, last_seen, status FROM option_contract_lifecycle ORDER BY contract_id"
    )
    next_day = TODAY + timedelta(days=1)
    assert lives == [(TODAY, TODAY, "vanished"), (TODAY, next_day, "listed"), (next_day, next_day, "listed")]

    assert await listing(call(1, "100"), call(2, "102.5"), call(3, "105"), days=2) == Stored(seen=3, new=0)
    again = await contract_tables.listed(database, underlying.id, EXPIRATION, EXPIRATION)
    assert [c.id for c in again][:2] == ids
    assert again[1] == call(2, "102.5").__class__(
        "PLTR", 2, EXPIRATION, Decimal("102.5"), Right.CALL, 100, "SMART", "PLTR", "USD", again[1].id
    )
    assert str(again[0].strike) == "100"
    assert await contract_tables.by_ids(database, ids) == {c.id: c for c in again[:2]}
    symbols = await rows(database, "SELECT contract_symbol FROM option_chains ORDER BY ib_con_id LIMIT 1")
    assert symbols == [("PLTR  261123C00100000",)]


async def test_adopted_contracts_take_the_numbers_of_their_symbols(database: Database) -> None:
    """Of two contracts at one strike the one with the OCC symbol gets the adopted row; no number is given twice."""
    underlying = await contract_tables.add_underlying(database, Underlying("PLTR", 444857009))
    for number, symbol in enumerate(("PLTR  261123C00100000", "unknown 2", "PLTR  261123C00105000"), 1):
        await rows(
            database,
            "INSERT INTO option_chains (id, underlying_id, contract_symbol, expiration_date, strike_price, option_type,"
            " ib_con_id, multiplier, exchange, trading_class, currency)"
            " VALUES ($1, $2, $3, $4, $5, 'C', -$1::int, 100, 'SMART', '', 'USD') RETURNING id",
            number, underlying.id, symbol, EXPIRATION, Decimal(105 if number == 3 else 100),
        )  # fmt: skip
    adjusted = replace(call(7, "100"), trading_class="PLTR1")

    stored = await contract_tables.store_expiration(
        database, underlying.id, EXPIRATION, [adjusted, call(8, "100"), call(9, "105")], seen_at=FRIDAY.open
    )

    assert stored == Stored(seen=3, new=1)
    numbered = await rows(database, "SELECT id, ib_con_id FROM option_chains WHERE id <= 3 ORDER BY id")
    assert numbered == [(1, 8), (2, -2), (3, 9)]


async def test_ids_make_neighbours_of_contracts_that_are_alike(database: Database) -> None:
    """Ids go by right and strike within an expiration, in whatever order IB lists: bars compress by neighbours."""
    underlying = await contract_tables.add_underlying(database, Underlying("PLTR", 444857009))
    calls = [call(9, "100"), call(3, "105"), call(5, "102.5")]
    puts = [replace(one, source_id=one.source_id + 1, right=Right.PUT) for one in calls]
    listed = [one for pair in zip(puts, calls, strict=True) for one in pair]
    await contract_tables.store_expiration(database, underlying.id, EXPIRATION, listed, seen_at=FRIDAY.open)
    stored = await contract_tables.listed(database, underlying.id, EXPIRATION, EXPIRATION)
    assert [one.source_id for one in sorted(stored, key=lambda one: one.id)] == [9, 5, 3, 10, 6, 4]


async def test_selection_sticks_until_expiration(database: Database) -> None:
    """Selected on a day, a contract stays selected until it expires; selecting it again changes nothing."""
    chain = await make_chain(database, 2, select_from=date(2026, 11, 23))
    ids = [c.id for c in chain.contracts]
    assert await lifecycle.select(database, ids, date(2026, 11, 23)) == 0
    assert await lifecycle.select(database, ids[:1], date(2026, 11, 20)) == 1
    assert await lifecycle.select(database, ids, date(2026, 11, 24)) == 0
    found = await rows(database, "SELECT selected::text FROM option_contract_lifecycle ORDER BY contract_id")
    assert found == [("{[2026-11-20,2026-11-24)}",), ("{[2026-11-23,2026-11-24)}",)]

    async def chosen(first: date, last: date) -> list[int]:
        return [c.id for c in await contract_tables.selected(database, chain.underlying.id, first, last)]

    assert await chosen(date(2026, 11, 20), date(2026, 11, 20)) == ids[:1]
    assert await chosen(date(2026, 11, 20), date(2026, 11, 23)) == ids
    assert await chosen(date(2026, 11, 24), date(2026, 11, 25)) == []


async def test_expired_contracts_are_marked_once(database: Database) -> None:
    """The day after the expiration a contract is no longer listed."""
    chain = await make_chain(database)
    assert await lifecycle.mark_expired(database, EXPIRATION) == 0
    assert await lifecycle.mark_expired(database, EXPIRATION + timedelta(days=1)) == 2
    assert await lifecycle.mark_expired(database, EXPIRATION + timedelta(days=1)) == 0
    assert await contract_tables.listed(database, chain.underlying.id, EXPIRATION, EXPIRATION) == []
    assert len(await contract_tables.selected(database, chain.underlying.id, EXPIRATION, EXPIRATION)) == 2


async def test_the_last_day_is_collected_when_every_series_is_settled(database: Database) -> None:
    """expiry_collected turns true with the last series; until then the contract is named as at risk."""
    chain = await make_chain(database)
    done, open_ = chain.contracts
    quotes = [quote(0, session=MONDAY)]
    whole = answers(
        done,
        TRADES=answer(session=MONDAY), BID=answer(quotes, session=MONDAY), ASK=answer(quotes, session=MONDAY),
    )  # fmt: skip
    part = answers(open_, TRADES=answer(session=MONDAY), BID=answer(quotes, session=MONDAY))
    await bar_tables.store(database, [whole, part], 1)

    found_so_far = await lifecycle.mark_expiry_collected(
        database, OPTION_BARS_5MIN, chain.underlying.id, MONDAY, OPTION_SERIES
    )

    assert found_so_far == Expiries(saved=1, at_risk=(open_,), lost=0)
    found = await rows(database, "SELECT contract_id, expiry_collected FROM option_contract_lifecycle ORDER BY 1")
    assert found == [(done.id, True), (open_.id, False)]
    # At risk until it is lost, whatever the date.
    await gaps.record(database, OPTION_BARS_5MIN, chain.underlying.id, (MONDAY,), OPTION_SERIES)
    assert await lifecycle.expired_at_risk(database, chain.underlying.id, MONDAY.day) == []
    assert await lifecycle.expired_at_risk(database, chain.underlying.id, MONDAY.day + timedelta(days=9)) == [open_]
    await gaps.mark_lost(database, chain.underlying.id, {EXPIRATION: "gone"})
    after = await lifecycle.mark_expiry_collected(
        database, OPTION_BARS_5MIN, chain.underlying.id, MONDAY, OPTION_SERIES
    )
    assert after == Expiries(saved=1, at_risk=(), lost=1)
    assert await lifecycle.expired_at_risk(database, chain.underlying.id, MONDAY.day + timedelta(days=9)) == []


async def test_missing_is_expected_less_done(database: Database) -> None:
    """Slots of selected sessions, less covered or settled ones; a forced run takes all of them."""
    chain = await make_chain(database, 2, select_from=FRIDAY.day)
    first, second = chain.contracts
    await bar_tables.store(database, [answers(first, BID=answer([quote(0)], slots=12, settles=False))], 1)
    later = await make_chain(database, 1, symbol="TSLA", select_from=MONDAY.day)

    async def lacking(asks: Asks | None, ids: list[int] | None = None) -> list[tuple[int, str, Spans]]:
        sessions = (FRIDAY, MONDAY)
        series = OPTION_SERIES[:2]
        found = await coverage_table.missing(
            database, OPTION_BARS_5MIN, chain.underlying.id, sessions, series, asks, ids
        )
        return [(row.instrument_id, row.what_to_show.value, row.missing) for row in found]

    whole = Spans([FRIDAY.span, MONDAY.span])
    rest = whole - answer(slots=12).covered
    assert await lacking(Asks.NOT_COVERED) == [
        (first.id, "BID", rest), (first.id, "TRADES", whole), (second.id, "BID", whole), (second.id, "TRADES", whole),
    ]  # fmt: skip
    assert await lacking(Asks.NOT_SETTLED, [first.id]) == [
        (first.id, "BID", whole), (first.id, "TRADES", whole),
    ]  # fmt: skip
    assert await lacking(None, [first.id]) == [(first.id, "BID", whole), (first.id, "TRADES", whole)]
    found = await coverage_table.missing(
        database, OPTION_BARS_5MIN, later.underlying.id, (FRIDAY, MONDAY), OPTION_SERIES[:1], None
    )
    assert [row.missing for row in found] == [Spans([MONDAY.span])]
    assert await coverage_table.missing(database, OPTION_BARS_5MIN, later.underlying.id, (), OPTION_SERIES, None) == []


async def test_the_underlyings_own_slots(database: Database) -> None:
    """The underlying's series lack what is not covered of the sessions on which a contract is selected.

    Days that are to count as selected come on top, before anything is, too.
    """
    underlying = (await make_chain(database, select_from=MONDAY.day)).underlying
    await bar_tables.store(database, [answers(underlying, TRADES=answer([quote(0)]))], 1)
    series = WhatToShow.TRADES, WhatToShow.OPTION_IMPLIED_VOLATILITY

    async def lacking(underlying: Underlying, *also: date) -> list[tuple[int, str, Spans]]:
        found = await coverage_table.missing(
            database, UNDERLYING_BARS_5MIN, underlying.id, (FRIDAY, MONDAY), series, Asks.NOT_SETTLED, also=also
        )
        return [(row.instrument_id, row.what_to_show.value, row.missing) for row in found]

    monday = Spans([MONDAY.span])
    assert await lacking(underlying) == [
        (-underlying.id, "OPTION_IMPLIED_VOLATILITY", monday), (-underlying.id, "TRADES", monday)
    ]  # fmt: skip
    assert await lacking(underlying, FRIDAY.day) == [
        (-underlying.id, "OPTION_IMPLIED_VOLATILITY", Spans([FRIDAY.span, MONDAY.span])),
        (-underlying.id, "TRADES", monday),
    ]
    alone = await contract_tables.add_underlying(database, Underlying("TSLA", 7))
    assert await lacking(alone) == []
    assert {spans for _, _, spans in await lacking(alone, FRIDAY.day)} == {Spans([FRIDAY.span])}


async def test_forgotten_coverage_is_asked_for_again(database: Database) -> None:
    """A forgotten session is missing again, its rows say so, and storing the same answers restores everything."""
    chain = await make_chain(database, 1)
    (contract,) = chain.contracts
    evening = [
        answers(contract, TRADES=answer(), BID=answer([quote(0)]), ASK=answer([quote(0)])),
        answers(contract, TRADES=answer([quote(0, session=MONDAY)], session=MONDAY)),
        answers(chain.underlying, TRADES=answer([quote(0)])),
    ]
    await bar_tables.store(database, evening, 1)
    table = """
    SELECT contract_id, underlying_id, what_to_show, covered::text, settled::text
    FROM request_coverage ORDER BY 1, 2, 3
    """
    before = await rows(database, table)

    assert await coverage_table.forget(database, FRIDAY, ["TSLA"], FRIDAY.day) == 0
    after_expiration = contract.expiration + timedelta(days=1)
    assert await coverage_table.forget(database, FRIDAY, ["PLTR"], after_expiration) == 1  # the underlying's
    await bar_tables.store(database, evening, 1)
    assert await rows(database, table) == before
    assert await coverage_table.forget(database, FRIDAY, ["PLTR"], contract.expiration) == 4

    lacking = await coverage_table.missing(
        database, OPTION_BARS_5MIN, chain.underlying.id, (FRIDAY, MONDAY), OPTION_SERIES[:1], Asks.NOT_COVERED
    )
    assert [row.missing for row in lacking] == [Spans([FRIDAY.span])]
    gaps = "SELECT has_gaps, bid_close FROM option_bars_5min ORDER BY time"
    assert [row[0] for row in await rows(database, gaps)] == [True, True]
    await bar_tables.store(database, evening, 2)
    assert await rows(database, table) == before
    assert [row[0] for row in await rows(database, gaps)] == [False, True]
