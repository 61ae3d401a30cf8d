"""Counting evidence: what awaits, what one witness settled, who is young or held, what is too empty to be true."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from collector.db.bars import bar_tables
from collector.db.bookkeeping import claims, session_statistics
from collector.db.bookkeeping.claims import UNCONFIRMED, NewClaim
from collector.db.connection.pool import Database
from collector.db.readers import report_rows
from collector.domain.coverage.evidence import Emptiness, EmptySession, Finding, Ruling
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.market_data.instruments import OPTION_SERIES, OptionContract, WhatToShow
from collector.domain.market_data.spans import Span, Spans
from collector.jobs import due_windows
from tests.support.db_rows import FRIDAY, MONDAY, Chain, answer, answers, make_chain, quote, rows, trade

T, B, A = WhatToShow.TRADES, WhatToShow.BID, WhatToShow.ASK
SENT = FRIDAY.close + timedelta(hours=1)
SLOTS = 78
"""Of either session: 09:30 to 16:00."""


async def awaiting(
    db: Database, contract: OptionContract, what: WhatToShow, sent: datetime = SENT, day: date = FRIDAY.day
) -> None:
    """Claim that a series was empty on a session, and let it await its second witness."""
    session = FRIDAY if day == FRIDAY.day else MONDAY
    await claims.add(db, OPTION_BARS_5MIN, [NewClaim(contract.id, what, day, session.span, sent, 1, "login", sent)])
    span = session.span
    await db.execute(
        "set_claim_states",
        OPTION_BARS_5MIN.id,
        [contract.id],
        [what.value],
        [span.start],
        [span.end],
        [Ruling.AWAITING.value],
        [""],
    )


async def states(db: Database) -> list[tuple[object, ...]]:
    """Return the claims: contract, series, state, reason."""
    return await rows(db, "SELECT contract_id, what_to_show, state, reason FROM negative_claims ORDER BY 1, 2")


async def settled(db: Database, contract: OptionContract, series: Sequence[WhatToShow]) -> None:
    """Settle some series of Friday by bars, TRADES with one trade."""
    given = {what.name: answer([trade(3)] if what is T else [quote(3)]) for what in series}
    await bar_tables.store(db, [answers(contract, **given)], 1)


async def one_witness(db: Database, contract: OptionContract, what: WhatToShow, slots: int) -> None:
    """Mark the first slots of Friday as settled by one witness."""
    span = Span(FRIDAY.open, FRIDAY.open + slots * timedelta(minutes=5))
    statement = """
        UPDATE request_coverage SET single_witness = tstzmultirange(tstzrange($3, $4))
        WHERE contract_id = $1 AND what_to_show = $2 RETURNING 1
    """
    assert await rows(db, statement, contract.id, what.value, span.start, span.end)


async def test_slots_that_await_or_have_one_witness_are_counted(database: Database) -> None:
    """Of two contracts one is settled, ten slots by one witness; of the other two series await, one is unasked."""
    chain = await make_chain(database)
    one, other = chain.contracts
    await settled(database, one, OPTION_SERIES)
    await one_witness(database, one, T, 10)
    await awaiting(database, other, B)
    await awaiting(database, other, A)
    await awaiting(database, other, A, day=MONDAY.day)
    found = await session_statistics.measure(database, OPTION_BARS_5MIN, chain.underlying.id, FRIDAY, OPTION_SERIES)
    assert (found.expected, found.settled) == (6 * SLOTS, 3 * SLOTS)
    assert (found.awaiting, found.single_witness) == (2 * SLOTS, 10)
    only = await session_statistics.measure(
        database, OPTION_BARS_5MIN, chain.underlying.id, FRIDAY, OPTION_SERIES, [one.id]
    )
    assert (only.awaiting, only.single_witness) == (0, 10)
    trades = await session_statistics.measure(database, OPTION_BARS_5MIN, chain.underlying.id, FRIDAY, [T])
    assert (trades.awaiting, trades.single_witness) == (0, 10)


async def test_a_week_counts_them_by_symbol(database: Database) -> None:
    """The week's slots, of symbols that have statistics."""
    chain = await make_chain(database)
    one, other = chain.contracts
    await settled(database, one, OPTION_SERIES)
    await one_witness(database, one, T, 7)
    await awaiting(database, other, A)
    await awaiting(database, other, A, day=MONDAY.day)  # another week's
    found = await session_statistics.measure(database, OPTION_BARS_5MIN, chain.underlying.id, FRIDAY, OPTION_SERIES)
    await session_statistics.record(database, FRIDAY.day, "PLTR", found)
    figures = await report_rows.week(database, date(2026, 11, 16), FRIDAY.day, FRIDAY.span)
    assert [(one.symbol, one.awaiting, one.single_witness) for one in figures.symbols] == [("PLTR", SLOTS, 7)]


async def expiring_chain(db: Database) -> Chain:
    """Return three contracts that expire on Monday, and are selected for it."""
    return await make_chain(db, strikes=3, select_from=MONDAY.day)


async def test_expiring_contracts_that_lack_second_witnesses_only(database: Database) -> None:
    """Settled or awaiting in every series; one that lacks an answer is none of them."""
    chain = await expiring_chain(database)
    empty, quoted, lacking = chain.contracts
    for what in OPTION_SERIES:
        await awaiting(database, empty, what, day=MONDAY.day)
    given = {"BID": answer([quote(3, session=MONDAY)], session=MONDAY), "ASK": answer([], session=MONDAY)}
    await bar_tables.store(database, [answers(quoted, **given)], 1)
    await awaiting(database, quoted, T, day=MONDAY.day)
    await awaiting(database, lacking, T, day=MONDAY.day)
    found = await claims.awaiting_expiries(database, OPTION_BARS_5MIN, chain.underlying.id, MONDAY, OPTION_SERIES)
    assert found == {empty.id, quoted.id}
    await claims.mark_held(database, None, SENT + timedelta(days=3))
    assert (
        await claims.awaiting_expiries(database, OPTION_BARS_5MIN, chain.underlying.id, MONDAY, OPTION_SERIES) == set()
    )


async def test_young_claims_by_their_first_witness(database: Database) -> None:
    """What was called empty in the last half hour, whatever its state."""
    chain = await make_chain(database)
    one, other = chain.contracts
    now = SENT + timedelta(minutes=25)
    await awaiting(database, one, T, SENT)
    await awaiting(database, other, A, SENT - timedelta(minutes=10))
    found = await claims.recent(database, OPTION_BARS_5MIN, chain.underlying.id, now)
    assert found == {(one.id, T): Spans((FRIDAY.span,))}
    await claims.mark_held(database, [FRIDAY.day], SENT + timedelta(minutes=1))
    assert await claims.recent(database, OPTION_BARS_5MIN, chain.underlying.id, now) == found


async def test_holding_says_why_and_spares_the_young(database: Database) -> None:
    """Sessions that were looked at, and first witnesses from before an instant."""
    chain = await make_chain(database)
    one, other = chain.contracts
    await awaiting(database, one, T, SENT)
    await awaiting(database, other, T, SENT + timedelta(minutes=20))
    assert await claims.mark_held(database, [MONDAY.day], SENT + timedelta(hours=1)) == 0
    assert await claims.mark_held(database, [FRIDAY.day], SENT + timedelta(minutes=10)) == 1
    assert await states(database) == [(one.id, "TRADES", "held", UNCONFIRMED), (other.id, "TRADES", "awaiting", "")]


async def test_when_to_ask_again_is_told_by_the_oldest(database: Database) -> None:
    """Half an hour and a minute after it, by session; symbols that are not collected do not count."""
    chain = await make_chain(database)
    for n, contract in enumerate(chain.contracts):
        await awaiting(database, contract, T, SENT + timedelta(minutes=n))
    assert await due_windows.confirms(database, ["PLTR"]) == {FRIDAY.day: SENT + timedelta(minutes=31)}
    assert await due_windows.confirms(database, ["SPY"]) == {}
    await claims.mark_held(database, None, SENT + timedelta(minutes=1))
    assert await due_windows.confirms(database, ["PLTR"]) == {FRIDAY.day: SENT + timedelta(minutes=32)}


async def test_sessions_too_empty_to_be_true(database: Database) -> None:
    """Named by symbol where one is so by itself, over all where none is; nothing once nothing of them is held."""
    chain = await make_chain(database)
    words = "40 of 90 contracts have no bar at all"
    finding = Finding(Emptiness(answered=90, empty=40), words, (FRIDAY.day,))
    await claims.record(database, FRIDAY.day, "ALL", finding, 1)
    assert await claims.implausible(database) == []
    await awaiting(database, chain.contracts[0], T)
    over_all = EmptySession(symbol="ALL", session=FRIDAY.day, words=words)
    assert await claims.implausible(database) == [over_all]
    assert await claims.implausible(database, MONDAY.day) == []
    await claims.record(database, FRIDAY.day, "PLTR", finding, 1)
    assert await claims.implausible(database, FRIDAY.day) == [
        EmptySession(symbol="PLTR", session=FRIDAY.day, words=words)
    ]
    await claims.accept(database, FRIDAY.day, ["PLTR", claims.ALL])
    assert await claims.implausible(database) == []


async def test_how_empty_a_session_is(database: Database) -> None:
    """One of three has quotes and a trade; of the two that count as near the money the other had no ask all day."""
    chain = await make_chain(database, strikes=3)
    traded, empty, beyond = chain.contracts
    await settled(database, traded, OPTION_SERIES)
    nothing = {what.name: answer() for what in OPTION_SERIES}
    await bar_tables.store(database, [answers(empty, **nothing), answers(beyond, **nothing)], 1)

    found = await claims.emptiness(
        database, OPTION_BARS_5MIN, chain.underlying.id, FRIDAY, OPTION_SERIES, {traded.id, empty.id}
    )

    assert found == Emptiness(answered=3, empty=2, near=2, near_without_ask=1, without_trades=2)
