"""How sessions stand, as the pages show them."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from collector.db.bars import bar_tables
from collector.db.bookkeeping import session_statistics
from collector.db.connection.pool import Database
from collector.db.readers import session_standings
from collector.db.readers.session_standings import SymbolSession
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.market_data.instruments import OPTION_SERIES, WhatToShow
from collector.domain.reports.session_standing import SessionStanding, SessionState
from tests.support.db_rows import FRIDAY, MONDAY, answer, answers, make_chain, quote, rows, slot, trade

THURSDAY = date(2026, 11, 19)

_GAP = """
INSERT INTO historical_data_gaps (instrument_id, data_set, what_to_show, state, gap_start, gap_end, gap_type,
    detected_at)
VALUES ($1, $2, 'TRADES', $3, $4, $5, 'missing_bars', $5) RETURNING 1
"""
_CLAIM = """
INSERT INTO negative_claims (instrument_id, data_set, what_to_show, session_date, span, state)
VALUES ($1, 1, 'BID', $2, tstzrange($3, $4), $5) RETURNING 1
"""
_EVIDENCE = """
INSERT INTO session_evidence (session_date, symbol, plausible, reason) VALUES ($1, $2, $3, $4) RETURNING 1
"""


async def _found(database: Database) -> dict[tuple[date, str], SessionStanding]:
    found = await session_standings.known(database, THURSDAY, MONDAY.day, lambda _symbol: OPTION_SERIES)
    return {key: one.standing for key, one in found.items()}


async def test_measured_gaps_and_claims_of_each_session(database: Database) -> None:
    """Figures are those of the rows, by session of New York and symbol; an underlying's own gaps belong to its symbol.

    Filled gaps, held claims and other days do not count; a session with gaps that was never measured is there, too.
    """
    one, other = await make_chain(database, 2), await make_chain(database, 1, symbol="TSLA")
    every = {"TRADES": answer([trade(0)]), "BID": answer([quote(0)]), "ASK": answer([quote(0)])}
    await bar_tables.store(database, [answers(one.contracts[0], **every)], 1)
    measured = await session_statistics.measure(database, OPTION_BARS_5MIN, one.underlying.id, FRIDAY, OPTION_SERIES)
    await session_statistics.record(database, FRIDAY.day, "PLTR", measured)
    gaps: list[tuple[Any, ...]] = [
        (one.contracts[0].id, 1, "open", slot(0), slot(4)),
        (-one.underlying.id, 2, "lost", slot(5), slot(7)),
        (one.contracts[1].id, 1, "filled", slot(0), slot(9)),
        (other.contracts[0].id, 1, "open", slot(0, MONDAY), slot(1, MONDAY)),
        # A bar of a day lies at midnight UTC, which is the evening before in New York.
        (-other.underlying.id, 3, "open", datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC)),
    ]
    for gap in gaps:
        await rows(database, _GAP, *gap)
    await rows(database, _CLAIM, one.contracts[1].id, FRIDAY.day, slot(0), slot(6), "awaiting")
    await rows(database, _CLAIM, one.contracts[1].id, FRIDAY.day, slot(6), slot(9), "held")

    assert await _found(database) == {
        (FRIDAY.day, "PLTR"): SessionStanding(
            contracts=2, completeness=0.5, unsettled=3 * 78, open_slots=4, lost_slots=2, awaiting=6
        ),
        (FRIDAY.day, "TSLA"): SessionStanding(open_slots=1),
        (MONDAY.day, "TSLA"): SessionStanding(open_slots=1),
    }


async def test_what_was_never_asked_for_does_not_await_confirmation(database: Database) -> None:
    """Before its gaps are counted, a session of which a claim awaits and the rest was never asked for is partial."""
    chain = await make_chain(database, 2)
    every = {"TRADES": answer([trade(0)]), "BID": answer([quote(0)]), "ASK": answer([quote(0)])}
    await bar_tables.store(database, [answers(chain.contracts[0], **every)], 1)
    await rows(database, _CLAIM, chain.contracts[1].id, FRIDAY.day, FRIDAY.open, FRIDAY.close, "awaiting")

    async def state() -> SessionState:
        measured = await session_statistics.measure(
            database, OPTION_BARS_5MIN, chain.underlying.id, FRIDAY, OPTION_SERIES
        )
        await session_statistics.record(database, FRIDAY.day, "PLTR", measured)
        return (await _found(database))[FRIDAY.day, "PLTR"].state

    assert await state() is SessionState.PARTIAL
    del every["BID"]
    await bar_tables.store(database, [answers(chain.contracts[1], **every)], 1)
    assert await state() is SessionState.AWAITING


async def test_one_open_slot_of_millions_is_not_rounded_away(database: Database) -> None:
    """What is stored as 100.0000 percent is complete only where every contract is settled."""
    chain = await make_chain(database, 2)
    for settled, state in ((1, SessionState.PARTIAL), (2, SessionState.COMPLETE)):
        measured = await session_statistics.measure(
            database, OPTION_BARS_5MIN, chain.underlying.id, FRIDAY, OPTION_SERIES
        )
        nearly = replace(measured, expected=9_000_000, settled=9_000_000, contracts_settled=settled)
        await session_statistics.record(database, FRIDAY.day, "PLTR", nearly)
        assert (await _found(database))[FRIDAY.day, "PLTR"].state is state
    await rows(
        database,
        "UPDATE collection_statistics SET data_completeness_percent = 85, expected_slots = 0 RETURNING 1",
    )
    assert (await _found(database))[FRIDAY.day, "PLTR"].state is SessionState.PARTIAL, "of an earlier system"


async def test_what_cannot_be_so_empty_is_in_doubt(database: Database) -> None:
    """A session that is implausible for a symbol is so for this one; one that is so over all, for all of them."""
    one, other = await make_chain(database, 1), await make_chain(database, 1, symbol="TSLA")
    for day in (FRIDAY.day, MONDAY.day):
        for chain in (one, other):
            await rows(database, _GAP, chain.contracts[0].id, 1, "open", *_hours(day))
        await rows(database, _CLAIM, one.contracts[0].id, day, *_hours(day), "held")
    await rows(database, _EVIDENCE, FRIDAY.day, "PLTR", False, "9 of 10 contracts came back empty")
    await rows(database, _EVIDENCE, MONDAY.day, "ALL", False, "19 of 20 contracts came back empty")
    found = await _found(database)

    assert {key: one.doubt for key, one in found.items()} == {
        (FRIDAY.day, "PLTR"): "9 of 10 contracts came back empty",
        (FRIDAY.day, "TSLA"): "",
        (MONDAY.day, "PLTR"): "19 of 20 contracts came back empty",
        (MONDAY.day, "TSLA"): "19 of 20 contracts came back empty",
    }
    assert found[FRIDAY.day, "PLTR"].state is SessionState.IMPLAUSIBLE


async def test_a_session_under_way_by_what_is_covered(database: Database) -> None:
    """What counts is what is covered of the slots that are over: of two contracts one is asked for six slots."""
    chain = await make_chain(database, 2)
    bars = {what.value: [trade(0)] if what is WhatToShow.TRADES else [quote(0)] for what in OPTION_SERIES}
    every = {what: answer(those, slots=6, settles=False) for what, those in bars.items()}
    await bar_tables.store(database, [answers(chain.contracts[0], **every)], 1)
    sessions = [(chain.underlying, FRIDAY, OPTION_SERIES)]
    known = {(FRIDAY.day, "PLTR"): SymbolSession(SessionStanding(completeness=0.0, lost_slots=1))}

    async def at(number: int) -> SessionStanding:
        found = await session_standings.under_way(database, known, sessions, slot(number))
        return found[FRIDAY.day, "PLTR"].standing

    assert await at(6) == SessionStanding(contracts=2, completeness=0.5, lost_slots=1, under_way=True)
    assert (await at(12)).completeness == 0.25
    assert (await at(0)).completeness is None
    assert replace(await at(6), lost_slots=0).state is SessionState.UNDER_WAY


async def test_nothing_is_known_of_an_empty_database(database: Database) -> None:
    """There is no session, and nothing fails."""
    assert await _found(database) == {}


def _hours(day: date) -> tuple[datetime, datetime]:
    session = FRIDAY if day == FRIDAY.day else MONDAY
    return slot(0, session), slot(6, session)
