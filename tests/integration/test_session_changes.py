"""The change number of a session moves with what changes its bars or what is known of them, and with nothing else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from collector.db.bars import bar_tables, underlying_bars
from collector.db.bookkeeping import claims, closed_days, coverage_table, gaps_table
from collector.db.connection.pool import Database
from collector.db.contracts import lifecycle, traded_activity
from collector.db.upkeep.compaction import refresh_aggregates
from collector.domain.market_data.data_sets import (
    DATA_SETS,
    OPTION_BARS_5MIN,
    UNDERLYING_BARS_1DAY,
    UNDERLYING_BARS_5MIN,
    DataSet,
)
from collector.domain.market_data.instruments import OPTION_SERIES, OptionContract, WhatToShow
from collector.domain.market_data.spans import Span, Spans
from collector.domain.quality.flags import SlotFlag
from collector.domain.quality.quality_rules import Impossible, Quarantined
from tests.support.db_rows import FRIDAY, MONDAY, Chain, answer, answers, make_chain, quote, rows, slot, trade
from tests.support.slots import SLOT

OPTIONS, OWN, DAILY = 1, 2, 3
"""Ids of data sets: option bars, underlyings' of 5 minutes, and of days."""
Days = tuple[tuple[int, date], ...]
"""Data sets and days whose numbers grow."""


async def numbers(db: Database) -> dict[tuple[int, date], int]:
    """Return the change numbers by data set and day; there is one underlying."""
    found = await rows(db, "SELECT data_set, session_date, change FROM session_changes")
    return {(kind, day): number for kind, day, number in found}  # type: ignore[misc]


@asynccontextmanager
async def moves(db: Database, *expected: tuple[int, date]) -> AsyncIterator[None]:
    """Expect the numbers of these data sets and days to grow by one, once, and no other."""
    before = await numbers(db)
    yield
    after = await numbers(db)
    assert {one: after[one] - before.get(one, 0) for one in after if after[one] != before.get(one)} == dict.fromkeys(
        expected, 1
    )


TRADES = WhatToShow.TRADES
FRI, MON = (OPTIONS, FRIDAY.day), (OPTIONS, MONDAY.day)


async def whole(db: Database, chain: Chain) -> None:
    """Store a settled Friday of each contract and of the underlying."""
    given = [
        answers(one, TRADES=answer([trade(0)]), BID=answer([quote(0), quote(1)]), ASK=answer([quote(0, "1.30")]))
        for one in chain.contracts
    ]
    own = answers(chain.underlying, TRADES=answer([trade(0, "100")]), OPTION_IMPLIED_VOLATILITY=answer([quote(0)]))
    await bar_tables.store(db, [*given, own], 1)


async def test_bars(database: Database) -> None:
    """A batch counts once for each of its days and kinds of bars; the same once more does not count."""
    chain = await make_chain(database)
    async with moves(database, FRI, (OWN, FRIDAY.day)):
        await whole(database, chain)
    async with moves(database):
        await whole(database, chain)
    first, second = chain.contracts
    monday = answer([trade(3, session=MONDAY)], session=MONDAY)
    async with moves(database, FRI, MON):
        await bar_tables.store(
            database, [answers(first, TRADES=answer([trade(0, "1.35")])), answers(second, TRADES=monday)], 2
        )


async def test_what_is_known(database: Database) -> None:
    """An empty answer that covers counts, and so does one that settles; flags do."""
    contract = (await make_chain(database)).contracts[0]
    async with moves(database, FRI):
        await bar_tables.store(database, [answers(contract, TRADES=answer(settles=False))], 1)
    async with moves(database):
        await bar_tables.store(database, [answers(contract, TRADES=answer(settles=False))], 2)
    async with moves(database, FRI):
        await bar_tables.store(database, [answers(contract, TRADES=answer())], 3)
    quotes = answers(contract, BID=answer([quote(0)]), ASK=answer([quote(0)]))
    async with moves(database, FRI):
        await bar_tables.store(database, [quotes], 4)
    flagged = replace(
        quotes,
        series={**quotes.series, WhatToShow.TRADES: answer([trade(0)])},
        flags={slot(0): int(SlotFlag.TRADE_JUMP)},
    )
    async with moves(database, FRI):
        await bar_tables.store(database, [flagged], 5)
    async with moves(database):
        await bar_tables.store(database, [flagged], 6)


@pytest.mark.parametrize("data_set", DATA_SETS[1:], ids=lambda one: one.name)
async def test_underlyings(database: Database, data_set: DataSet) -> None:
    """Bars of each size count for their own data set; those of days on the day that they begin on."""
    underlying = (await make_chain(database)).underlying
    span = data_set.span(FRIDAY)
    covered = Spans.of(span.start, span.end)
    series = {
        what: bar_tables.SeriesAnswer((trade(0)._replace(time=span.start),), covered, covered)
        for what in data_set.series
    }
    given = bar_tables.InstrumentAnswers(underlying, data_set, series)
    async with moves(database, (data_set.id, FRIDAY.day)):
        await bar_tables.store(database, [given], 1)
    async with moves(database):
        await bar_tables.store(database, [given], 2)


async def test_index_levels(database: Database) -> None:
    """Levels of an index count, identical ones do not."""
    underlying = (await make_chain(database)).underlying
    for expected in ((OWN, FRIDAY.day),), ():
        async with moves(database, *expected):
            await underlying_bars.store_levels(database, underlying.id, [quote(0, "15.2"), quote(1, "15.3")])


async def test_greeks(database: Database) -> None:
    """Greeks count when one of them, their reason or their version differs."""
    chain = await make_chain(database)
    await whole(database, chain)

    async def write(version: int) -> int:
        line = f"{chain.contracts[0].id}\t{slot(0).isoformat()}\t1\t2\t3\t4\t5\t6\t0\n"
        names = "contract_id", "time", "implied_volatility", "delta", "gamma", "theta", "vega", "rho", "greeks_reason"
        async with database.transaction("create_stage_greeks") as transaction:
            await transaction.copy("stage_greeks", names, line)
            changed: int = await transaction.fetchval("write_greeks", version, FRIDAY.open, FRIDAY.close)
        return changed

    for version, expected in ((1, (FRI,)), (1, ()), (2, (FRI,))):
        async with moves(database, *expected):
            assert await write(version) == len(expected)


async def test_open_interest(database: Database) -> None:
    """Open interest counts as it is told, and where it fills bars that came later."""
    chain = await make_chain(database)
    await whole(database, chain)
    told = {one.id: 40 for one in chain.contracts}
    for count, expected in ((4, (FRI,)), (0, ())):
        async with moves(database, *expected):
            assert await traded_activity.store_open_interest(database, told, FRIDAY) == count
    late = answers(chain.contracts[0], BID=answer([quote(0), quote(1), quote(7)]))
    await bar_tables.store(database, [late], 2)
    for count, expected in ((1, (FRI,)), (0, ())):
        async with moves(database, *expected):
            assert await traded_activity.fill_open_interest(database, chain.underlying.id, FRIDAY) == count


async def test_negatives(database: Database) -> None:
    """Emptiness counts when it is confirmed, so do volumes that become 0 by it, and a second witness."""
    contract = (await make_chain(database)).contracts[0]
    await bar_tables.store(
        database, [answers(contract, TRADES=answer(settles=False), BID=answer([quote(0)]), ASK=answer([quote(0)]))], 1
    )
    await rows(database, "UPDATE store.option_bars_5min SET volume = NULL")
    ids, kinds, starts, ends = [contract.id], ["TRADES"], [FRIDAY.open], [FRIDAY.close]

    async def confirm(*, single: bool) -> int:
        await rows(
            database,
            "INSERT INTO negative_claims (instrument_id, data_set, what_to_show, session_date, span, state)"
            " VALUES ($1, 1, 'TRADES', $2, tstzrange($3, $4), 'awaiting')",
            contract.id, FRIDAY.day, FRIDAY.open, FRIDAY.close,
        )  # fmt: skip
        series: int = await database.fetchval("confirm_negatives", OPTIONS, ids, kinds, starts, ends, [single])
        return series

    for expected in ((FRI,), ()):
        async with moves(database, *expected):
            assert await confirm(single=True) == 1
    for expected in ((FRI,), ()):
        async with moves(database, *expected):
            await database.execute("note_no_trade", OPTIONS, ids, FRIDAY.open, FRIDAY.close)
    async with moves(database, FRI):
        await bar_tables.store(database, [answers(contract, TRADES=answer())], 2)


async def claim(db: Database, contract: OptionContract, *, awaits: bool = True) -> None:
    """Claim that nobody traded a contract on Friday; the claim awaits its second witness, or is held."""
    span = FRIDAY.span
    new = claims.NewClaim(contract.id, TRADES, FRIDAY.day, span, FRIDAY.close, 1, "login", FRIDAY.close)
    await claims.add(db, OPTION_BARS_5MIN, [new])
    if awaits:
        await state(db, contract, "awaiting")


async def state(db: Database, contract: OptionContract, verdict: str, reason: str = "") -> None:
    """Note what a contract's claim of Friday awaits."""
    starts, ends = [FRIDAY.open], [FRIDAY.close]
    ids, kinds = [contract.id], [TRADES.value]
    await db.execute("set_claim_states", OPTIONS, ids, kinds, starts, ends, [verdict], [reason])


async def test_claims(database: Database) -> None:
    """A claim counts when it awaits a second witness and when it does no more, and for nothing else."""
    contract = (await make_chain(database)).contracts[0]
    expected: Days
    for _ in range(2):
        async with moves(database):
            await claim(database, contract, awaits=False)
    for verdict, reason, expected in (
        ("held", "too empty", ()),
        ("awaiting", "", (FRI,)),
        ("awaiting", "", ()),
        ("held", "too empty", (FRI,)),
        ("held", "not confirmed", ()),
        ("awaiting", "", (FRI,)),
    ):
        async with moves(database, *expected):
            await state(database, contract, verdict, reason)
    for count, expected in ((1, (FRI,)), (0, ())):
        async with moves(database, *expected):
            assert await claims.mark_held(database, None, MONDAY.open) == count


async def test_claims_that_go(database: Database) -> None:
    """A claim that awaited counts as it is withdrawn, forgotten or answered in part; one that was held does not."""
    chain = await make_chain(database)
    contract = chain.contracts[0]
    expected: Days

    async def withdraw() -> None:
        await closed_days.withdraw(database, OPTION_BARS_5MIN, chain.underlying.id, Spans((FRIDAY.span,)))

    async def forget() -> None:
        await coverage_table.forget(database, FRIDAY, ["PLTR"], FRIDAY.day)

    for gone in withdraw, forget:
        for awaits in True, False:
            await claim(database, contract, awaits=awaits)
            for expected in ((FRI,) if awaits else (), ()):
                async with moves(database, *expected):
                    await gone()
    halves = Spans.of(FRIDAY.open, slot(20)), Spans.of(FRIDAY.open, FRIDAY.close)
    for settled, expected in zip(halves, ((FRI,), ()), strict=True):
        await claim(database, contract)
        given = bar_tables.SeriesAnswer((), settled, settled)
        await bar_tables.store(database, [bar_tables.InstrumentAnswers(contract, OPTION_BARS_5MIN, {TRADES: given})], 1)
        async with moves(database, *expected):
            assert await claims.delete_answered(database, chain.underlying.id) == 1
        async with moves(database):
            assert await claims.delete_answered(database, chain.underlying.id) == 0


async def test_a_claim_without_coverage(database: Database) -> None:
    """A claim that is confirmed counts even where nothing is known of its series: it awaits no more."""
    contract = (await make_chain(database)).contracts[0]
    await claim(database, contract)
    for expected in ((FRI,), ()):
        async with moves(database, *expected):
            await database.fetchval(
                "confirm_negatives", OPTIONS, [contract.id], ["TRADES"], [FRIDAY.open], [FRIDAY.close], [False]
            )


async def test_what_is_expected_no_more(database: Database) -> None:
    """Sessions before a listing count as they leave what is expected, of contracts and of underlyings."""
    chain = await make_chain(database)
    expected: Days
    for expected in ((FRI, MON), ()):
        async with moves(database, *expected):
            empty = [(one.id, day) for one in chain.contracts for day in (FRIDAY.day, MONDAY.day)]
            assert await claims.deselect_before_listing(database, empty) == 2
    own = chain.underlying
    await lifecycle.select_underlying(database, UNDERLYING_BARS_5MIN, own.id, [FRIDAY, MONDAY])
    both = Spans((FRIDAY.span, MONDAY.span))
    first = trade(0, "100", session=MONDAY)
    bars = {
        TRADES: bar_tables.SeriesAnswer((first,), both, both),
        WhatToShow.OPTION_IMPLIED_VOLATILITY: bar_tables.SeriesAnswer((), both, both),
    }
    await bar_tables.store(database, [bar_tables.InstrumentAnswers(own, UNDERLYING_BARS_5MIN, bars)], 1)
    for expected in (((OWN, FRIDAY.day),), ()):
        async with moves(database, *expected):
            await lifecycle.deselect_unlisted(database, UNDERLYING_BARS_5MIN, own.id, [FRIDAY, MONDAY])


async def test_forgotten_sessions(database: Database) -> None:
    """A session that is forgotten counts for options and underlyings, once however many statements it takes."""
    chain = await make_chain(database)
    await whole(database, chain)
    for series, expected in ((8, (FRI, (OWN, FRIDAY.day))), (0, ())):
        async with moves(database, *expected):
            assert await coverage_table.forget(database, FRIDAY, ["PLTR"], FRIDAY.day) == series


async def test_forgotten_history(database: Database) -> None:
    """An underlying's history that is read again counts for each of its sessions."""
    underlying = (await make_chain(database)).underlying
    span = UNDERLYING_BARS_1DAY.span(FRIDAY)
    later = timedelta(days=3)
    covered = Spans.of(span.start, span.end) | Spans.of(span.start + later, span.end + later)
    bars = tuple(trade(0)._replace(time=span.start + n * later) for n in range(2))
    given = bar_tables.InstrumentAnswers(
        underlying, UNDERLYING_BARS_1DAY, {WhatToShow.TRADES: bar_tables.SeriesAnswer(bars, covered, covered)}
    )
    await bar_tables.store(database, [given], 1)
    async with moves(database, (DAILY, FRIDAY.day), (DAILY, MONDAY.day)):
        assert await underlying_bars.forget_history(database, UNDERLYING_BARS_1DAY, underlying, 2) == 2


async def test_gaps(database: Database) -> None:
    """A gap counts when it is lost, when what was lost comes all the same, and when nothing was to be had there."""
    chain = await make_chain(database)
    kind = OPTION_BARS_5MIN, chain.underlying.id

    async def lose() -> int:
        found = await rows(database, "SELECT id FROM historical_data_gaps WHERE state = 'open' ORDER BY id")
        ids = [row[0] for row in found]
        lost = await database.fetch("mark_gaps_lost", ids, ["gone"] * len(ids), database.clock.now())
        return len(lost)

    async with moves(database):
        assert (await gaps_table.record(database, *kind, [FRIDAY], OPTION_SERIES)).opened == 6
    for count, expected in ((6, (FRI,)), (0, ())):
        async with moves(database, *expected):
            assert await lose() == count
    await bar_tables.store(database, [answers(chain.contracts[0], TRADES=answer([trade(0)]))], 1)
    async with moves(database, FRI):
        assert (await gaps_table.record(database, *kind, [FRIDAY], OPTION_SERIES)).closed == 1
    for expected in ((FRI,), ()):
        async with moves(database, *expected):
            await closed_days.withdraw(database, *kind, Spans.of(FRIDAY.open + 12 * SLOT, FRIDAY.close))


async def test_quarantine(database: Database) -> None:
    """A bar that is refused takes its slot from what was known; coming a second time it gives it back."""
    contract = (await make_chain(database)).contracts[0]
    await bar_tables.store(database, [answers(contract, TRADES=answer())], 1)
    bad = Quarantined(
        OPTION_BARS_5MIN, WhatToShow.TRADES, trade(5), Impossible.HIGH_BELOW_LOW, FRIDAY.close, final=True
    )
    refused = Spans.of(slot(5), slot(6))
    series = {WhatToShow.TRADES: bar_tables.SeriesAnswer((), Spans(), refused=refused)}
    for minutes, expected in ((0, (FRI,)), (1, ()), (40, (FRI,)), (80, ())):
        again = replace(bad, sent_at=FRIDAY.close + timedelta(minutes=minutes))
        given = bar_tables.InstrumentAnswers(contract, OPTION_BARS_5MIN, series, quarantined=(again,))
        async with moves(database, *expected):
            await bar_tables.store(database, [given], 1)


async def test_dropped_days(database: Database) -> None:
    """Bars that retention drops are no change: the archive keeps what it has."""
    chain = await make_chain(database)
    await whole(database, chain)
    await rows(
        database,
        "INSERT INTO store.option_bars_5min (contract_id, time, created_at, updated_at)"
        " VALUES ($1, '2025-11-20 15:00Z', now(), now())",
        chain.contracts[0].id,
    )
    old = datetime(2025, 11, 20, tzinfo=UTC)
    await refresh_aggregates(database.url, Span(old, old + timedelta(days=1)), database.clock)
    async with moves(database):
        dropped = "SELECT store.drop_day(1::smallint, '2025-11-20', ARRAY[$1::integer], NULL, NULL)"
        assert await rows(database, dropped, chain.underlying.id) == [("",)]
    assert await rows(database, "SELECT count(*) FROM store.option_bars_5min WHERE time < '2026-01-01'") == [(0,)]


async def test_writers_do_not_block_each_other_for_good(database: Database) -> None:
    """Two transactions that count the same days, given in opposite orders, both end: one waits for the other."""
    chain = await make_chain(database)
    ids = [chain.contracts[0].id] * 40
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(40)]
    statement = "SELECT store.note_changes(1::smallint, $1::integer[], $2::date[])"

    async def count(order: list[date]) -> None:
        for _ in range(25):
            await rows(database, statement, ids, order)

    await asyncio.gather(count(days), count(days[::-1]), count(days[20:] + days[:20]))
    assert set((await numbers(database)).values()) == {75}
