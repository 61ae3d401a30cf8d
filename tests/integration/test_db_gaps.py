"""Gaps, statistics and dead letters: what is missing, what was filled, what is lost."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from collector.clock import SystemClock
from collector.db.bars import bar_tables
from collector.db.bookkeeping import (
    claims,
    coverage_table,
    dead_letters,
    gaps_table,
    requests_table,
    session_statistics,
)
from collector.db.bookkeeping.claims import Negative, NewClaim
from collector.db.bookkeeping.dead_letters import NewLetter
from collector.db.bookkeeping.gaps_table import GapTotal, Recorded
from collector.db.bookkeeping.requests_table import RequestRecord
from collector.db.connection import pool
from collector.db.connection.pool import Database
from collector.db.contracts import lifecycle
from collector.domain.market_data.answers import Failure, HistoricalRequest, Outcome
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN, UNDERLYING_BARS_5MIN
from collector.domain.market_data.instruments import OPTION_SERIES, OptionContract, Underlying, WhatToShow
from collector.domain.market_data.spans import Span, Spans
from collector.domain.run_vocabulary import Asks, GapState, GapType
from tests.support.db_rows import (
    EXPIRATION,
    FRIDAY,
    MONDAY,
    A,
    B,
    Chain,
    T,
    V,
    answer,
    answers,
    make_chain,
    quote,
    rows,
    trade,
)
from tests.support.slots import SLOT, data_set_of

GAPS = """
SELECT contract_id, what_to_show, state, gap_start, gap_end, gap_type, backfill_run_id
FROM historical_data_gaps ORDER BY contract_id, what_to_show, gap_start, state
"""
NOON = FRIDAY.open + 30 * SLOT


async def run_row(db: Database) -> int:
    """Return the id of a run row."""
    insert = """
    INSERT INTO intraday_collection_runs
    (run_date, run_type, attempt, started_at, heartbeat_at, symbols_requested, bar_size, status)
    SELECT '2026-11-20', 'eod', count(*) + 1, now(), now(), '{PLTR}', '5 mins', 'success'
    FROM intraday_collection_runs RETURNING id
    """
    ((run_id,),) = await rows(db, insert)
    assert isinstance(run_id, int)
    return run_id


async def record(db: Database, chain: Chain, run_id: int | None = None, **changes: object) -> Recorded:
    """Record the gaps of both sessions in TRADES and BID."""
    of_both = db, OPTION_BARS_5MIN, chain.underlying.id, (FRIDAY, MONDAY), (T, B)
    return await gaps_table.record(*of_both, run_id=run_id, **changes)  # type: ignore[arg-type]  # the tests' own words


async def test_gaps_are_found_filled_and_found_again(database: Database) -> None:
    """What is not settled is a gap for each session and series; it is closed with the run that filled it."""
    chain = await make_chain(database, 1)
    (contract,) = chain.contracts
    first, second = await run_row(database), await run_row(database)
    whole = answers(contract, TRADES=answer([trade(0)]), BID=answer([quote(0)]))
    await bar_tables.store(database, [whole], first)

    assert await record(database, chain, first) == Recorded(opened=2)
    assert await record(database, chain, first) == Recorded()
    found = await rows(database, GAPS)
    assert found == [
        (contract.id, name, "open", MONDAY.open, MONDAY.close, "missing_bars", None) for name in ("BID", "TRADES")
    ]
    assert await gaps_table.totals(database) == {
        GapState.OPEN: GapTotal(2, 156), GapState.FILLED: GapTotal(), GapState.LOST: GapTotal()
    }  # fmt: skip

    await bar_tables.store(database, [answers(contract, BID=answer(session=MONDAY, settles=False))], second)
    assert await record(database, chain, second) == Recorded(closed=0)
    await bar_tables.store(
        database, [answers(contract, BID=answer([quote(0, session=MONDAY)], session=MONDAY))], second
    )
    assert await record(database, chain, second) == Recorded(closed=1)
    assert (contract.id, "BID", "filled", MONDAY.open, MONDAY.close, "missing_bars", second) in await rows(
        database, GAPS
    )


async def test_a_gap_filled_in_part_shrinks(database: Database) -> None:
    """The filled middle of a gap is recorded as filled; what is left stays open from when it was found."""
    chain = await make_chain(database, 1)
    (contract,) = chain.contracts
    run_id = await run_row(database)
    assert await gaps_table.record(
        database, OPTION_BARS_5MIN, chain.underlying.id, (FRIDAY,), (T,), now=FRIDAY.close
    ) == Recorded(opened=1)
    middle = Span(FRIDAY.open + 10 * SLOT, NOON)
    part = replace(answer([trade(12)]), covered=Spans((middle,)), settled=Spans((middle,)))
    await bar_tables.store(database, [answers(contract, TRADES=part)], run_id)

    changed = await gaps_table.record(database, OPTION_BARS_5MIN, chain.underlying.id, (FRIDAY,), (T,), run_id=run_id)

    assert changed == Recorded(opened=1, closed=1)
    assert [row[2:5] for row in await rows(database, GAPS)] == [
        ("open", FRIDAY.open, middle.start),
        ("filled", middle.start, NOON),
        ("open", NOON, FRIDAY.close),
    ]
    detected = await rows(database, "SELECT DISTINCT detected_at FROM historical_data_gaps")
    assert detected == [(FRIDAY.close,)]
    assert (
        await gaps_table.record(database, OPTION_BARS_5MIN, chain.underlying.id, (FRIDAY,), (T,), run_id=run_id)
        == Recorded()
    )


async def test_what_is_pending_is_no_gap(database: Database) -> None:
    """Slots from a contract's own instant on wait for their turn; a gap on record stays one until it is settled."""
    chain = await make_chain(database, 2)
    waits, due = (contract.id for contract in chain.contracts)
    assert await record(database, chain, pending={waits: MONDAY.open}) == Recorded(opened=6)
    found = await rows(database, GAPS)
    assert {row[:4] for row in found if row[0] == waits} == {(waits, name, "open", FRIDAY.open) for name in (T, B)}
    assert await record(database, chain, pending={waits: FRIDAY.open, due: FRIDAY.open}) == Recorded()
    assert await rows(database, GAPS) == found
    assert await record(database, chain) == Recorded(opened=2)


async def test_gaps_begin_with_the_selection(database: Database) -> None:
    """A session for which a contract is selected is expected also before it was first seen, not after it expired."""
    chain = await make_chain(database, 1)
    (contract,) = chain.contracts
    thursday = replace(
        FRIDAY, day=date(2026, 11, 19), open=FRIDAY.open - timedelta(days=1), close=FRIDAY.close - timedelta(days=1)
    )
    tuesday = replace(
        MONDAY, day=date(2026, 11, 24), open=MONDAY.open + timedelta(days=1), close=MONDAY.close + timedelta(days=1)
    )
    sessions = (thursday, FRIDAY, MONDAY, tuesday)
    assert await gaps_table.record(database, OPTION_BARS_5MIN, chain.underlying.id, sessions, (T,)) == Recorded(
        opened=2
    )
    assert [row[3] for row in await rows(database, GAPS)] == [FRIDAY.open, MONDAY.open]

    await lifecycle.select(database, [contract.id], thursday.day)
    assert await gaps_table.record(database, OPTION_BARS_5MIN, chain.underlying.id, sessions, (T,)) == Recorded(
        opened=1
    )
    assert [row[3] for row in await rows(database, GAPS)] == [thursday.open, FRIDAY.open, MONDAY.open]


CLAIM = """
INSERT INTO negative_claims (instrument_id, data_set, what_to_show, session_date, span, state)
VALUES ($1, 1, $2, $3, tstzrange($4, $5), $6) RETURNING 1
"""


async def test_what_awaits_confirmation_is_no_gap(database: Database) -> None:
    """Neither a new nor a recorded one: it is withdrawn, not filled; what is held is a gap."""
    chain = await make_chain(database, 1)
    (contract,) = chain.contracts
    await rows(database, CLAIM, contract.id, "TRADES", FRIDAY.day, FRIDAY.open, FRIDAY.close, "awaiting")
    await rows(database, CLAIM, contract.id, "BID", FRIDAY.day, FRIDAY.open, FRIDAY.close, "held")
    assert await record(database, chain) == Recorded(opened=3)
    assert {row[1:4] for row in await rows(database, GAPS)} == {
        ("BID", "open", FRIDAY.open), ("BID", "open", MONDAY.open), ("TRADES", "open", MONDAY.open)
    }  # fmt: skip

    await rows(database, CLAIM, contract.id, "TRADES", MONDAY.day, MONDAY.open, NOON + timedelta(days=3), "awaiting")
    assert await record(database, chain) == Recorded()
    trades = [row[2:5] for row in await rows(database, GAPS) if row[1] == "TRADES"]
    assert trades == [("open", NOON + timedelta(days=3), MONDAY.close)]

    await rows(database, "UPDATE negative_claims SET state = 'held' RETURNING 1")
    assert await record(database, chain) == Recorded(opened=2)


async def test_what_is_not_expected_any_more_is_withdrawn(database: Database) -> None:
    """A gap of a session from which a contract is released is gone; it is not called filled."""
    chain = await make_chain(database, 1)
    await record(database, chain)
    await lifecycle.release(database, [contract.id for contract in chain.contracts], MONDAY.day)
    assert await record(database, chain) == Recorded()
    assert {row[2:4] for row in await rows(database, GAPS)} == {("open", FRIDAY.open)}


async def test_the_underlyings_gaps(database: Database) -> None:
    """The underlying's own series are expected where any of its contracts is."""
    chain = await make_chain(database, 1, select_from=MONDAY.day)
    found = await gaps_table.record(database, UNDERLYING_BARS_5MIN, chain.underlying.id, (FRIDAY, MONDAY), (T, V))
    assert found == Recorded(opened=2)
    listed = await gaps_table.open_gaps(database, ["PLTR"])
    assert [(gap.underlying_id, gap.contract_id, gap.what_to_show, gap.span) for gap in listed] == [
        (chain.underlying.id, None, V, MONDAY.span), (chain.underlying.id, None, T, MONDAY.span),
    ]  # fmt: skip
    assert await gaps_table.open_gaps(database, ["SPY"]) == []
    assert await gaps_table.open_gaps(database, since=MONDAY.close) == []


async def test_gap_types(database: Database) -> None:
    """A gap says why, where the run knows it."""
    chain = await make_chain(database, 1)
    (contract,) = chain.contracts
    await record(database, chain, reasons={(contract.id, B): GapType.PERMISSION}, gap_type=GapType.RATE_LIMIT)
    assert {(row[1], row[5]) for row in await rows(database, GAPS)} == {("BID", "permission"), ("TRADES", "rate_limit")}


async def test_lost_gaps_are_told_once_and_stay_lost(database: Database) -> None:
    """Lost are the open gaps of an expiration, with the reason; nothing opens them again or asks for them."""
    chain = await make_chain(database, 1)
    await record(database, chain)
    days = await gaps_table.expirations_with_gaps(database, chain.underlying.id, EXPIRATION + timedelta(days=1))
    assert days == [EXPIRATION]
    assert await gaps_table.expirations_with_gaps(database, chain.underlying.id, EXPIRATION) == []
    assert (
        await gaps_table.mark_lost(database, chain.underlying.id, {EXPIRATION + timedelta(days=7): "another one"}) == []
    )

    (contract,) = chain.contracts
    claimed = NewClaim(contract.id, B, FRIDAY.day, FRIDAY.span, FRIDAY.settles_at, 1, "", FRIDAY.settles_at)
    await claims.add(database, OPTION_BARS_5MIN, [claimed])
    lost = await gaps_table.mark_lost(database, chain.underlying.id, {EXPIRATION: "no security definition (200)"})
    assert await claims.claimed_days(database, chain.underlying.id) == []

    assert [(gap.symbol, gap.contract_symbol, gap.state, gap.reason) for gap in lost] == [
        ("PLTR", "PLTR  261123C00101000", GapState.LOST, "no security definition (200)")
    ] * 4
    assert await gaps_table.mark_lost(database, chain.underlying.id, {EXPIRATION: "once more"}) == []
    assert await record(database, chain) == Recorded()
    assert (await gaps_table.totals(database, ["PLTR"]))[GapState.LOST] == GapTotal(4, 4 * 78)
    assert (await gaps_table.totals(database, until=FRIDAY.close))[GapState.LOST] == GapTotal(2, 2 * 78)
    sessions = (FRIDAY, MONDAY)
    assert (
        await coverage_table.missing(
            database, OPTION_BARS_5MIN, chain.underlying.id, sessions, (T, B), Asks.NOT_SETTLED
        )
        == []
    )
    assert (
        len(await coverage_table.missing(database, OPTION_BARS_5MIN, chain.underlying.id, sessions, (T, B), None)) == 2
    )


async def test_what_comes_after_it_was_lost_is_filled(database: Database) -> None:
    """A lost gap whose bars come all the same is a loss no more."""
    chain = await make_chain(database, 1)
    (contract,) = chain.contracts
    await record(database, chain)
    await gaps_table.mark_lost(database, chain.underlying.id, {EXPIRATION: "gone"})
    await bar_tables.store(database, [answers(contract, TRADES=answer([trade(0)]))], 1)
    assert await record(database, chain, await run_row(database)) == Recorded(closed=1)
    assert (await gaps_table.totals(database))[GapState.LOST] == GapTotal(3, 3 * 78)


async def ask_in_vain(
    database: Database, contract: OptionContract, what: WhatToShow, sent_at: datetime, *, controlled: bool = True
) -> None:
    """Put an empty answer for Friday's session on record, weighed already."""
    spans = Spans((FRIDAY.span,))
    empty = RequestRecord(
        contract, OPTION_BARS_5MIN, what, FRIDAY.span, sent_at, sent_at, Outcome.NO_DATA, 162, negatives=spans
    )
    async with database.transaction(requests_table.PREPARED) as transaction:
        await requests_table.record(transaction, [empty], 1)
    await claims.mark_weighed(
        database,
        OPTION_BARS_5MIN,
        [(Negative(contract.id, what, 1, "", sent_at, sent_at, spans, False, False), controlled)],
    )


async def test_beyond_the_depth_two_nights_of_emptiness_lose(plain_database_url: str) -> None:
    """Asked twice in one night, or before it was beyond the depth, it stays open; empty on another night it is lost.

    A night on which nothing had bars says nothing.
    """
    depths = {T: timedelta(days=90), B: timedelta(days=45)}
    first = FRIDAY.close + timedelta(days=46)
    async with pool.connect(plain_database_url, SystemClock(first + timedelta(days=3))) as database:
        chain = await make_chain(database, 1, expiration=date(2027, 3, 19))
        (contract,) = chain.contracts
        await gaps_table.record(database, OPTION_BARS_5MIN, chain.underlying.id, (FRIDAY,), (T, B))
        for sent_at in (FRIDAY.close + timedelta(days=2), first, first + timedelta(hours=2)):
            for what in (T, B):
                await ask_in_vain(database, contract, what, sent_at)
        assert await gaps_table.mark_old_lost(database, OPTION_BARS_5MIN, chain.underlying.id, depths) == []
        await ask_in_vain(database, contract, B, first + timedelta(hours=23), controlled=False)
        assert await gaps_table.mark_old_lost(database, OPTION_BARS_5MIN, chain.underlying.id, depths) == []
        await ask_in_vain(database, contract, B, first + timedelta(days=1))
        await ask_in_vain(database, contract, T, first + timedelta(days=1))
        (lost,) = await gaps_table.mark_old_lost(database, OPTION_BARS_5MIN, chain.underlying.id, depths)
        assert (lost.what_to_show, lost.span) == (B, FRIDAY.span)
        assert lost.reason is not None
        assert all(word in lost.reason for word in ("memory", "45 days", "2027-01-05", "2027-01-06"))


async def test_days_to_repair(database: Database) -> None:
    """The days of open gaps and of due letters before an instant; what rests, and what is later, is not among them."""
    chain = await make_chain(database, 1)
    tuesday, now = MONDAY.close + timedelta(days=1), MONDAY.close + timedelta(days=3)
    assert await gaps_table.days_to_repair(database, ["PLTR"], tuesday, now) == []
    await gaps_table.record(database, OPTION_BARS_5MIN, chain.underlying.id, (FRIDAY,), (T,))
    resting = replace(letter(chain.contracts[0], A), next_attempt_at=now + SLOT)
    later = replace(resting.request, span=MONDAY.span)
    await dead_letters.add(database, OPTION_BARS_5MIN, [replace(resting, request=later)], now=MONDAY.close)
    assert await gaps_table.days_to_repair(database, ["PLTR"], tuesday, now) == [FRIDAY.day]
    assert await gaps_table.days_to_repair(database, ["PLTR"], tuesday, now + SLOT) == [FRIDAY.day, MONDAY.day]
    assert await gaps_table.days_to_repair(database, ["PLTR"], MONDAY.open, now + SLOT) == [FRIDAY.day]
    assert await gaps_table.days_to_repair(database, ["SPY"], tuesday, now) == []


async def test_sessions_not_looked_at_are_left_alone(database: Database) -> None:
    """A look at one session closes nothing of another."""
    chain = await make_chain(database, 1)
    await record(database, chain)
    assert await gaps_table.record(database, OPTION_BARS_5MIN, chain.underlying.id, (MONDAY,), (T, B)) == Recorded()
    assert len(await gaps_table.open_gaps(database)) == 4
    assert await gaps_table.record(database, OPTION_BARS_5MIN, chain.underlying.id, (), (T,)) == Recorded()


async def test_completeness_and_fill_are_different_numbers(database: Database) -> None:
    """Completeness counts settled series-slots, fill slots with volume; verdicts add up to the expected slots."""
    chain = await make_chain(database, 2)
    done, part = chain.contracts
    quotes = [quote(n) for n in range(78)]
    await bar_tables.store(
        database,
        [
            answers(done, TRADES=answer([trade(0), trade(1)]), BID=answer(quotes), ASK=answer(quotes)),
            answers(part, TRADES=answer([trade(5)], slots=12, settles=False), BID=answer(quotes)),
        ],
        1,
    )

    measured = await session_statistics.measure(database, OPTION_BARS_5MIN, chain.underlying.id, FRIDAY, OPTION_SERIES)

    assert (measured.contracts, measured.contracts_settled) == (2, 1)
    assert (measured.expected, measured.covered, measured.settled) == (6 * 78, 4 * 78 + 12, 4 * 78)
    assert (measured.slots, measured.traded, measured.no_trade, measured.unknown) == (156, 3, 76, 77)
    assert (measured.rows, measured.first_bar, measured.last_bar) == (156, FRIDAY.open, FRIDAY.close - SLOT)
    assert measured.completeness == 4 / 6
    assert measured.fill == 3 / 156
    only = await session_statistics.measure(database, OPTION_BARS_5MIN, chain.underlying.id, FRIDAY, (T,), [done.id])
    assert (only.contracts, only.settled, only.traded, only.unknown) == (1, 78, 2, 0)

    for duration_s in (1.0, 12.5):
        await session_statistics.record(database, FRIDAY.day, "PLTR", measured, duration_s=duration_s, error_rate=0.125)
    kept = """
    SELECT collection_date, symbol, total_contracts, successful_contracts, total_bars_collected,
        collection_duration_seconds, avg_bars_per_contract, data_completeness_percent, error_rate_percent, fill_percent
    FROM collection_statistics
    """
    assert await rows(database, kept) == [
        (FRIDAY.day, "PLTR", 2, 1, 156, Decimal("12.500"), Decimal("78.00"), Decimal("66.6667"), Decimal("12.5000"),
         Decimal("1.9231")),
    ]  # fmt: skip


async def test_statistics_of_nothing(database: Database) -> None:
    """A symbol without selected contracts has no completeness, rather than a perfect one."""
    chain = await make_chain(database, 1, select_from=MONDAY.day)
    measured = await session_statistics.measure(database, OPTION_BARS_5MIN, chain.underlying.id, FRIDAY, OPTION_SERIES)
    assert (measured.contracts, measured.expected, measured.completeness, measured.fill) == (0, 0, None, None)
    await session_statistics.record(database, FRIDAY.day, "PLTR", measured)


def letter(instrument: OptionContract | Underlying, what: WhatToShow, outcome: Outcome = Outcome.TIME_OUT) -> NewLetter:
    """Return a letter about Friday's session."""
    return NewLetter(
        HistoricalRequest(instrument, data_set_of(instrument), what, FRIDAY.span), Failure(outcome, "no answer", 162), 4
    )


async def test_dead_letters_are_kept_until_answered(database: Database) -> None:
    """A request given up on again is the same letter with more attempts; it is closed when its span is settled."""
    chain = await make_chain(database, 1)
    (contract,) = chain.contracts
    run_id = await run_row(database)
    await dead_letters.add(database, OPTION_BARS_5MIN, [], run_id)
    await dead_letters.add(database, OPTION_BARS_5MIN, [letter(contract, T)], run_id)
    await dead_letters.add(database, UNDERLYING_BARS_5MIN, [letter(chain.underlying, T)], run_id)
    await dead_letters.add(database, OPTION_BARS_5MIN, [letter(contract, T, Outcome.PACING)], run_id)

    of_contract, of_underlying = await dead_letters.due(database)
    assert (of_contract.contract_id, of_contract.attempts, of_contract.outcome) == (contract.id, 8, Outcome.PACING)
    assert (of_contract.span, of_contract.code, of_contract.message) == (FRIDAY.span, 162, "no answer")
    assert (of_underlying.symbol, of_underlying.underlying_id) == ("PLTR", chain.underlying.id)
    assert await dead_letters.due(database, symbols=["SPY"]) == []

    assert await dead_letters.resolve(database) == {}
    await bar_tables.store(database, [answers(contract, TRADES=answer([trade(0)]))], run_id)
    assert await dead_letters.resolve(database) == {"answered": 1}
    assert [left.underlying_id for left in await dead_letters.due(database)] == [chain.underlying.id]


async def test_dead_letters_wait_longer_each_time(database: Database) -> None:
    """An hour, a day, then as long as it has been failing, three days at most; and not beyond the contract's end."""
    far = await make_chain(database, 1, symbol="TSLA", expiration=date(2026, 12, 18))
    near = await make_chain(database, 1)
    hour, day = timedelta(hours=1), timedelta(days=1)
    for age, waits in (
        (0 * hour, hour), (hour, day), (day + hour, day + hour), (2 * day + hour, 2 * day + hour), (9 * day, 3 * day)
    ):  # fmt: skip
        at = FRIDAY.close + age
        both = [replace(letter(c.contracts[0], A), next_attempt_at=at + hour) for c in (far, near)]
        await dead_letters.add(database, OPTION_BARS_5MIN, both, now=at)
        assert {one.next_attempt_at for one in await dead_letters.due(database)} == {at + waits}
        assert await dead_letters.due(database, at + waits - SLOT) == []
        assert len(await dead_letters.due(database, at + waits)) == 2
        series = (far.contracts[0].id, A)
        found = await dead_letters.postponed(database, OPTION_BARS_5MIN, far.underlying.id, at, MONDAY.open)
        assert found == {series: Spans((FRIDAY.span,))}
        assert (
            await dead_letters.postponed(database, OPTION_BARS_5MIN, far.underlying.id, at + waits, MONDAY.open) == {}
        )
        assert await dead_letters.postponed(database, OPTION_BARS_5MIN, far.underlying.id, at, FRIDAY.open) == {}
        # Expires on Monday: once the next attempt would come later than that, nothing rests.
        rests = await dead_letters.postponed(database, OPTION_BARS_5MIN, near.underlying.id, at, MONDAY.open)
        assert bool(rests) == ((at + waits).date() < EXPIRATION)


async def test_dead_letters_end_when_their_slots_are_lost(database: Database) -> None:
    """A date resolves nothing; a letter is lost with its gap."""
    chain = await make_chain(database, 1)
    later = replace(letter(chain.contracts[0], A), next_attempt_at=FRIDAY.close)
    await dead_letters.add(database, OPTION_BARS_5MIN, [later])
    await gaps_table.record(database, OPTION_BARS_5MIN, chain.underlying.id, (FRIDAY,), (A,))
    assert await dead_letters.resolve(database, FRIDAY.close + timedelta(days=300)) == {}
    await gaps_table.mark_lost(database, chain.underlying.id, {EXPIRATION: "gone"})
    assert await dead_letters.resolve(database) == {"lost": 1}
    assert await dead_letters.due(database) == []
    assert await rows(database, "SELECT resolution FROM dead_letters") == [("lost",)]
