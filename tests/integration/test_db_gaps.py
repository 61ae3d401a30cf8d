"""Gaps, statistics and dead letters: what is missing, what was filled, what is lost."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from collector.db import bars, dead_letters, gaps, statistics
from collector.db.dead_letters import NewLetter
from collector.db.gaps import GapTotal, Recorded
from collector.db.pool import Database
from collector.domain.answers import Failure, HistoricalRequest, Outcome
from collector.domain.instruments import OPTION_SERIES, OptionContract, Underlying, WhatToShow
from collector.domain.runs import GapState, GapType
from collector.domain.spans import SLOT, Span, Spans
from tests.db_rows import EXPIRATION, FRIDAY, MONDAY, A, B, Chain, T, V, answer, answers, make_chain, quote, rows, trade

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
    return await gaps.record(db, chain.underlying.id, (FRIDAY, MONDAY), (T, B), run_id=run_id, **changes)  # type: ignore[arg-type]  # the tests' own words


async def test_gaps_are_found_filled_and_found_again(database: Database) -> None:
    """What is not settled is a gap for each session and series; it is closed with the run that filled it."""
    chain = await make_chain(database, 1)
    (contract,) = chain.contracts
    first, second = await run_row(database), await run_row(database)
    whole = answers(contract, TRADES=answer([trade(0)]), BID=answer([quote(0)]))
    await bars.store(database, [whole], first)

    assert await record(database, chain, first) == Recorded(opened=2)
    assert await record(database, chain, first) == Recorded()
    found = await rows(database, GAPS)
    assert found == [
        (contract.id, name, "open", MONDAY.open, MONDAY.close, "missing_bars", None) for name in ("BID", "TRADES")
    ]
    assert await gaps.totals(database) == {
        GapState.OPEN: GapTotal(2, 156), GapState.FILLED: GapTotal(), GapState.LOST: GapTotal()
    }  # fmt: skip

    await bars.store(database, [answers(contract, BID=answer(session=MONDAY, settles=False))], second)
    assert await record(database, chain, second) == Recorded(closed=0)
    await bars.store(database, [answers(contract, BID=answer([quote(0, session=MONDAY)], session=MONDAY))], second)
    assert await record(database, chain, second) == Recorded(closed=1)
    assert (contract.id, "BID", "filled", MONDAY.open, MONDAY.close, "missing_bars", second) in await rows(
        database, GAPS
    )


async def test_a_gap_filled_in_part_shrinks(database: Database) -> None:
    """The filled middle of a gap is recorded as filled; what is left stays open from when it was found."""
    chain = await make_chain(database, 1)
    (contract,) = chain.contracts
    run_id = await run_row(database)
    assert await gaps.record(database, chain.underlying.id, (FRIDAY,), (T,), now=FRIDAY.close) == Recorded(opened=1)
    middle = Span(FRIDAY.open + 10 * SLOT, NOON)
    part = replace(answer([trade(12)]), covered=Spans((middle,)), settled=Spans((middle,)))
    await bars.store(database, [answers(contract, TRADES=part)], run_id)

    changed = await gaps.record(database, chain.underlying.id, (FRIDAY,), (T,), run_id=run_id)

    assert changed == Recorded(opened=1, closed=1)
    assert [row[2:5] for row in await rows(database, GAPS)] == [
        ("open", FRIDAY.open, middle.start),
        ("filled", middle.start, NOON),
        ("open", NOON, FRIDAY.close),
    ]
    detected = await rows(database, "SELECT DISTINCT detected_at FROM historical_data_gaps")
    assert detected == [(FRIDAY.close,)]
    assert await gaps.record(database, chain.underlying.id, (FRIDAY,), (T,), run_id=run_id) == Recorded()


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


async def test_gaps_begin_with_the_first_sight(database: Database) -> None:
    """A session before a contract was first seen, or after it expired, or not selected, is no gap."""
    chain = await make_chain(database, 1)
    thursday = replace(
        FRIDAY, day=date(2026, 11, 19), open=FRIDAY.open - timedelta(days=1), close=FRIDAY.close - timedelta(days=1)
    )
    tuesday = replace(
        MONDAY, day=date(2026, 11, 24), open=MONDAY.open + timedelta(days=1), close=MONDAY.close + timedelta(days=1)
    )
    await rows(database, "UPDATE option_contract_lifecycle SET selected = '{[2026-11-01,2026-12-01)}' RETURNING 1")
    sessions = (thursday, FRIDAY, MONDAY, tuesday)

    assert await gaps.record(database, chain.underlying.id, sessions, (T,)) == Recorded(opened=2)
    assert [row[3] for row in await rows(database, GAPS)] == [FRIDAY.open, MONDAY.open]


async def test_the_underlyings_gaps(database: Database) -> None:
    """The underlying's own series are expected where any of its contracts is."""
    chain = await make_chain(database, 1, select_from=MONDAY.day)
    found = await gaps.record(database, chain.underlying.id, (FRIDAY, MONDAY), (), (T, V))
    assert found == Recorded(opened=2)
    listed = await gaps.open_gaps(database, ["PLTR"])
    assert [(gap.underlying_id, gap.contract_id, gap.what_to_show, gap.span) for gap in listed] == [
        (chain.underlying.id, None, V, MONDAY.span), (chain.underlying.id, None, T, MONDAY.span),
    ]  # fmt: skip
    assert await gaps.open_gaps(database, ["SPY"]) == []
    assert await gaps.open_gaps(database, since=MONDAY.close) == []


async def test_gap_types(database: Database) -> None:
    """A gap says why, where the run knows it."""
    chain = await make_chain(database, 1)
    (contract,) = chain.contracts
    await record(database, chain, reasons={(contract.id, B): GapType.PERMISSION}, gap_type=GapType.RATE_LIMIT)
    assert {(row[1], row[5]) for row in await rows(database, GAPS)} == {("BID", "permission"), ("TRADES", "rate_limit")}


async def test_lost_gaps_are_told_once_and_stay_lost(database: Database) -> None:
    """Once the contract is gone its open gaps are lost; looking again does not open them a second time."""
    chain = await make_chain(database, 1)
    await record(database, chain)
    assert await gaps.lose(database, EXPIRATION) == []

    lost = await gaps.lose(database, EXPIRATION + timedelta(days=1))

    assert [(gap.symbol, gap.contract_symbol, gap.state) for gap in lost] == [
        ("PLTR", "PLTR  261123C00101000", GapState.LOST)
    ] * 4
    assert await gaps.lose(database, EXPIRATION + timedelta(days=1)) == []
    assert await record(database, chain) == Recorded()
    assert (await gaps.totals(database, ["PLTR"]))[GapState.LOST] == GapTotal(4, 4 * 78)


async def test_sessions_not_looked_at_are_left_alone(database: Database) -> None:
    """A look at one session closes nothing of another."""
    chain = await make_chain(database, 1)
    await record(database, chain)
    assert await gaps.record(database, chain.underlying.id, (MONDAY,), (T, B)) == Recorded()
    assert len(await gaps.open_gaps(database)) == 4
    assert await gaps.record(database, chain.underlying.id, (), (T,)) == Recorded()


async def test_completeness_and_fill_are_different_numbers(database: Database) -> None:
    """Completeness counts settled series-slots, fill slots with volume; verdicts add up to the expected slots."""
    chain = await make_chain(database, 2)
    done, part = chain.contracts
    quotes = [quote(n) for n in range(78)]
    await bars.store(
        database,
        [
            answers(done, TRADES=answer([trade(0), trade(1)]), BID=answer(quotes), ASK=answer(quotes)),
            answers(part, TRADES=answer([trade(5)], slots=12, settles=False), BID=answer(quotes)),
        ],
        1,
    )

    measured = await statistics.measure(database, chain.underlying.id, FRIDAY, OPTION_SERIES)

    assert (measured.contracts, measured.contracts_settled) == (2, 1)
    assert (measured.expected, measured.covered, measured.settled) == (6 * 78, 4 * 78 + 12, 4 * 78)
    assert (measured.slots, measured.traded, measured.no_trade, measured.unknown) == (156, 3, 76, 77)
    assert (measured.rows, measured.first_bar, measured.last_bar) == (156, FRIDAY.open, FRIDAY.close - SLOT)
    assert measured.completeness == 4 / 6
    assert measured.fill == 3 / 156
    only = await statistics.measure(database, chain.underlying.id, FRIDAY, (T,), [done.id])
    assert (only.contracts, only.settled, only.traded, only.unknown) == (1, 78, 2, 0)

    for duration_s in (1.0, 12.5):
        await statistics.record(database, FRIDAY.day, "PLTR", measured, duration_s=duration_s, error_rate=0.125)
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
    measured = await statistics.measure(database, chain.underlying.id, FRIDAY, OPTION_SERIES)
    assert (measured.contracts, measured.expected, measured.completeness, measured.fill) == (0, 0, None, None)
    await statistics.record(database, FRIDAY.day, "PLTR", measured)


def letter(instrument: OptionContract | Underlying, what: WhatToShow, outcome: Outcome = Outcome.TIME_OUT) -> NewLetter:
    """Return a letter about Friday's session."""
    return NewLetter(HistoricalRequest(instrument, what, FRIDAY.span), Failure(outcome, "no answer", 162), 4)


async def test_dead_letters_are_kept_until_answered(database: Database) -> None:
    """A request given up on again is the same letter with more attempts; it is closed when its span is settled."""
    chain = await make_chain(database, 1)
    (contract,) = chain.contracts
    run_id = await run_row(database)
    await dead_letters.park(database, [], run_id)
    await dead_letters.park(database, [letter(contract, T), letter(chain.underlying, T)], run_id)
    await dead_letters.park(database, [letter(contract, T, Outcome.PACING)], run_id)

    of_contract, of_underlying = await dead_letters.due(database)
    assert (of_contract.contract_id, of_contract.attempts, of_contract.outcome) == (contract.id, 8, Outcome.PACING)
    assert (of_contract.span, of_contract.code, of_contract.message) == (FRIDAY.span, 162, "no answer")
    assert (of_underlying.symbol, of_underlying.underlying_id) == ("PLTR", chain.underlying.id)
    assert await dead_letters.due(database, symbols=["SPY"]) == []

    assert await dead_letters.resolve(database, EXPIRATION) == {}
    await bars.store(database, [answers(contract, TRADES=answer([trade(0)]))], run_id)
    assert await dead_letters.resolve(database, EXPIRATION) == {"answered": 1}
    assert [left.underlying_id for left in await dead_letters.due(database)] == [chain.underlying.id]


async def test_dead_letters_wait_and_expire(database: Database) -> None:
    """A letter is not due before its next attempt; after the expiration it is closed with that reason."""
    chain = await make_chain(database, 1)
    later = replace(letter(chain.contracts[0], A), next_attempt_at=FRIDAY.close)
    await dead_letters.park(database, [later])
    assert await dead_letters.due(database, FRIDAY.open) == []
    assert len(await dead_letters.due(database, FRIDAY.close)) == 1
    assert await dead_letters.resolve(database, EXPIRATION + timedelta(days=1)) == {"expired": 1}
    assert await dead_letters.due(database) == []
    assert await rows(database, "SELECT resolution FROM dead_letters") == [("expired",)]
