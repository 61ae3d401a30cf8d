"""Claims: what a second answer confirms, contradicts or leaves open; what a look without an answer does not add."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import pytest

from collector.app import opening
from collector.clock import SystemClock
from collector.db.bars import bar_tables
from collector.db.bars.bar_tables import InstrumentAnswers, SeriesAnswer
from collector.db.bookkeeping import claims, coverage_table
from collector.db.bookkeeping.claims import NewClaim
from collector.db.bookkeeping.requests_table import RequestRecord
from collector.db.connection import pool
from collector.db.connection.pool import Database
from collector.domain.market_data.answers import Outcome
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN, UNDERLYING_BARS_5MIN
from collector.domain.market_data.instruments import OPTION_SERIES, OptionContract, WhatToShow
from collector.domain.market_data.spans import Span, Spans
from collector.domain.run_vocabulary import Asks
from collector.runs.evidence import weighing
from collector.runs.evidence.weighed import Weighed
from tests.integration.test_refused_evidence import brought, spoilt
from tests.support.db_rows import FRIDAY, A, B, Chain, T, V, answer, answers, make_chain, quote, rows, trade
from tests.support.slots import SLOT
from tests.support.window_runs import narrow

SETTINGS = narrow("PLTR")
CALENDAR = opening.calendar(SETTINGS)
SENT = FRIDAY.settles_at + timedelta(minutes=5)
LATER = SENT + timedelta(minutes=40)
LAST_HOUR = Span(FRIDAY.close - timedelta(hours=1), FRIDAY.close)


class HandClock(SystemClock):
    """Shows what the test sets."""

    at = FRIDAY.settles_at + timedelta(hours=2)

    def now(self) -> datetime:
        """Return the set instant."""
        return self.at


@pytest.fixture
async def clock() -> HandClock:
    """Return a clock on Friday's evening."""
    return HandClock()


@pytest.fixture
async def db(plain_database_url: str, clock: HandClock) -> AsyncIterator[Database]:
    """Connect to an empty database."""
    async with pool.connect(plain_database_url, clock) as database:
        yield database


async def empty(
    db: Database, chain: Chain, contract: OptionContract, sent: datetime, span: Span = FRIDAY.span, *series: WhatToShow
) -> None:
    """Let a contract be answered without bars, half a minute after and before its neighbour was answered with some."""
    other = next(one for one in reversed(chain.contracts) if one != contract)
    half = timedelta(seconds=30)
    for what in series or OPTION_SERIES:
        nothing = Spans((span,))
        records = [
            RequestRecord(
                other,
                OPTION_BARS_5MIN,
                what,
                span,
                sent - half,
                sent - half,
                Outcome.BARS,
                bars=3,
                first_bar=span.start,
            ),
            RequestRecord(contract, OPTION_BARS_5MIN, what, span, sent, sent, Outcome.NO_DATA, negatives=nothing),
            RequestRecord(
                other,
                OPTION_BARS_5MIN,
                what,
                span,
                sent + half,
                sent + half,
                Outcome.BARS,
                bars=3,
                first_bar=span.start,
            ),
        ]
        for record in records:
            given = {what: SeriesAnswer((), nothing, Spans(), empty=nothing)} if record.negatives else {}
            await bar_tables.store(
                db, [InstrumentAnswers(record.instrument, record.data_set, given, requests=(record,))], 1
            )


async def weigh(db: Database, chain: Chain) -> Weighed:
    """Weigh what was answered about Friday."""
    return await weighing.weigh(db, SETTINGS, CALENDAR, [chain.underlying], 1, [FRIDAY.day])


async def settled(db: Database, contract: OptionContract) -> dict[str, tuple[str, str]]:
    """Return what is settled of each series of a contract, and what of it by one witness."""
    found = await rows(
        db,
        "SELECT what_to_show, settled::text, single_witness::text FROM request_coverage WHERE contract_id = $1",
        contract.id,
    )
    return {str(what): (str(whole), str(single)) for what, whole, single in found}


async def test_a_night_without_answers_changes_no_session(db: Database) -> None:
    """Claims that were weighed are weighed and given up again, night after night: the archive has nothing to write."""

    async def change() -> list[tuple[object, ...]]:
        return await rows(db, "SELECT data_set, session_date, change FROM session_changes ORDER BY 1, 2")

    chain = await make_chain(db, 2)
    await empty(db, chain, chain.contracts[0], SENT)
    assert (await weigh(db, chain)).awaiting == 3
    before = await change()
    assert (await weigh(db, chain)).awaiting == 3
    assert await change() == before
    assert await claims.mark_held(db, None, LATER) == 3
    before = await change()
    for _ in range(2):
        await weigh(db, chain)
        assert await claims.mark_held(db, None, LATER) == 0
        assert await change() == before


async def test_an_answer_about_a_part_confirms_the_part_alone(db: Database) -> None:
    """The day is called empty, half an hour later its last hour: a third answer settles that hour, and only it."""
    chain = await make_chain(db, 2)
    dark = chain.contracts[0]
    await empty(db, chain, dark, SENT)
    assert (await weigh(db, chain)).awaiting == 3
    await empty(db, chain, dark, LATER, LAST_HOUR)
    assert (await weigh(db, chain)).settled == 0
    assert set(await settled(db, dark)) <= {"TRADES", "BID", "ASK"}
    assert all(one == ("{}", "{}") for one in (await settled(db, dark)).values())
    await empty(db, chain, dark, LATER + timedelta(minutes=31), LAST_HOUR)
    assert (await weigh(db, chain)).settled == 3
    lacking = await coverage_table.missing(
        db, OPTION_BARS_5MIN, chain.underlying.id, [FRIDAY], OPTION_SERIES, Asks.NOT_SETTLED
    )
    assert {one.missing for one in lacking if one.instrument_id == dark.id} == {
        Spans((Span(FRIDAY.open, LAST_HOUR.start),))
    }


async def test_an_answer_about_more_confirms_a_part(db: Database) -> None:
    """The last hour is called empty, half an hour later the whole day: the hour is settled, the rest waits."""
    chain = await make_chain(db, 2)
    dark = chain.contracts[0]
    await empty(db, chain, dark, SENT, LAST_HOUR)
    await weigh(db, chain)
    await empty(db, chain, dark, LATER)
    found = await weigh(db, chain)
    assert (found.settled, found.awaiting) == (3, 3)


async def test_two_pieces_of_a_session_are_confirmed_in_any_order(db: Database) -> None:
    """Two slots are asked for by requests of their own, the second time in the other order: both settle."""
    chain = await make_chain(db, 2)
    dark = chain.contracts[0]
    pieces = [Span(start, start + SLOT) for start in (FRIDAY.open + 3 * SLOT, FRIDAY.open + 60 * SLOT)]
    await bar_tables.store(db, [answers(dark, TRADES=answer([trade(5)]), BID=answer([quote(5)]))], 1)
    for piece in pieces:
        await empty(db, chain, dark, SENT, piece, A)
    assert (await weigh(db, chain)).awaiting == 2
    for piece in reversed(pieces):
        await empty(db, chain, dark, LATER, piece, A)
    assert (await weigh(db, chain)).settled == 2


async def test_bars_that_contradict_a_claim_end_it(db: Database) -> None:
    """A contract that was called empty has bars, one refused: nothing but an answer settles the refused slot."""
    chain = await make_chain(db, 2)
    dark = chain.contracts[0]
    await empty(db, chain, dark, SENT)
    await weigh(db, chain)
    await bar_tables.store(db, [brought(dark, trade(0), spoilt(), sent_at=LATER)], 2)
    before = await coverage_table.missing(db, OPTION_BARS_5MIN, chain.underlying.id, [FRIDAY], (T,), Asks.NOT_SETTLED)
    assert [one.instrument_id for one in before if one.instrument_id == dark.id]
    assert (await weigh(db, chain)).single_witness == 0
    assert (
        await coverage_table.missing(db, OPTION_BARS_5MIN, chain.underlying.id, [FRIDAY], (T,), Asks.NOT_SETTLED)
        == before
    )
    assert await rows(db, "SELECT 1 FROM negative_claims WHERE contract_id = $1", dark.id) == []


async def test_looking_three_times_is_not_three_nights(db: Database, clock: HandClock) -> None:
    """Half of the contracts are empty, twice on Friday: looks on later nights that ask nothing accept nothing."""
    chain = await make_chain(db, 20)
    for sent in (SENT, LATER):
        for contract in chain.contracts[:10]:
            await empty(db, chain, contract, sent)
        for contract in chain.contracts[10:]:
            given = answers(contract, TRADES=answer([trade(3)]), BID=answer([quote(3)]), ASK=answer([quote(3)]))
            await bar_tables.store(db, [given], 1)
    for night in range(5):
        clock.at = FRIDAY.settles_at + timedelta(days=night, hours=2)
        found = await weigh(db, chain)
        assert (found.settled, found.single_witness) == (0, 0)
        assert [one.symbol for one in found.implausible] == ["PLTR"]


async def test_a_day_that_is_no_session_any_more_stops_nothing(db: Database) -> None:
    """The calendar has learned of a holiday since: its claims are passed over, others are weighed."""
    chain = await make_chain(db, 2, expiration=date(2026, 12, 18))
    dark = chain.contracts[0]
    holiday = date(2026, 11, 26)
    hours = Span(datetime(2026, 11, 26, 14, 30, tzinfo=UTC), datetime(2026, 11, 26, 21, 0, tzinfo=UTC))
    await claims.add(db, OPTION_BARS_5MIN, [NewClaim(dark.id, B, holiday, hours, SENT, 1, "", SENT)])
    await empty(db, chain, dark, SENT)
    await empty(db, chain, dark, SENT, hours, A)
    assert (await weigh(db, chain)).awaiting == 3


async def test_a_silent_underlying_is_unproven(db: Database) -> None:
    """Nothing came of an underlying's own trades, and nothing proves it: the run that asked cannot be a success."""
    chain = await make_chain(db, 2)
    nothing = Spans((FRIDAY.span,))
    for what in (T, V):
        record = RequestRecord(
            chain.underlying, UNDERLYING_BARS_5MIN, what, FRIDAY.span, SENT, SENT, Outcome.NO_DATA, negatives=nothing
        )
        given = {what: SeriesAnswer((), nothing, Spans(), empty=nothing)}
        await bar_tables.store(
            db, [InstrumentAnswers(chain.underlying, UNDERLYING_BARS_5MIN, given, requests=(record,))], 1
        )
    assert (await weigh(db, chain)).uncontrolled == {(-chain.underlying.id, UNDERLYING_BARS_5MIN, T)}


async def test_what_an_earlier_answer_has_proven_is_not_unproven(db: Database, clock: HandClock) -> None:
    """An earlier run's claim settles now; that nothing controls today's answer leaves the run a success."""
    chain = await make_chain(db, 6, expiration=date(2026, 12, 18))
    dark = chain.contracts[0]
    for contract in chain.contracts:
        quotes = {name: answer([quote(3)]) for name in ("BID", "ASK")}
        trades = {} if contract is dark else {"TRADES": answer([trade(3)])}
        await bar_tables.store(db, [answers(contract, **quotes, **trades)], 1)
    await claims.add(db, OPTION_BARS_5MIN, [NewClaim(dark.id, T, FRIDAY.day, FRIDAY.span, SENT, 1, "", SENT)])
    nothing = Spans((FRIDAY.span,))
    clock.at = SENT + timedelta(minutes=20)
    alone = RequestRecord(
        dark, OPTION_BARS_5MIN, T, FRIDAY.span, clock.at, clock.at, Outcome.NO_DATA, negatives=nothing
    )
    given = {T: SeriesAnswer((), nothing, Spans(), empty=nothing)}
    await bar_tables.store(db, [InstrumentAnswers(dark, OPTION_BARS_5MIN, given, requests=(alone,))], 1)
    found = await weigh(db, chain)
    assert (found.single_witness, found.uncontrolled) == (1, set())


async def listed_on(db: Database, day: date, contract: OptionContract) -> None:
    """Let a contract have been seen first on a day."""
    async with db._connection() as connection:
        await connection.execute(
            "UPDATE option_contract_lifecycle SET listed_since = $1 WHERE contract_id = $2", day, contract.id
        )


async def expected(db: Database, contract: OptionContract) -> bool:
    """Return whether anything is expected of a contract on Friday."""
    found = await rows(
        db, "SELECT selected @> $2::date FROM option_contract_lifecycle WHERE contract_id = $1", contract.id, FRIDAY.day
    )
    return found == [(True,)]


async def young(db: Database, chain: Chain, contract: OptionContract, now: datetime) -> set[WhatToShow]:
    """Return the series of a contract that need not be asked for again yet."""
    return {
        what
        for instrument_id, what in await claims.recent(db, OPTION_BARS_5MIN, chain.underlying.id, now)
        if instrument_id == contract.id
    }


async def test_two_nights_end_what_was_expected_before_the_listing(db: Database, clock: HandClock) -> None:
    """A symbol was added on Monday, and a hole hides its Friday: half an hour proves nothing, another night does.

    What makes a session plausible counts the contracts that were listed then; nobody counts these.
    """
    chain = await make_chain(db, 2)
    dark = chain.contracts[0]
    await listed_on(db, date(2026, 11, 23), dark)
    await empty(db, chain, dark, SENT)
    await empty(db, chain, dark, LATER)
    found = await weigh(db, chain)
    assert (found.awaiting, found.settled, await expected(db, dark)) == (3, 0, True)
    assert [one.oldest for one in await claims.awaited(db)] == [None]
    tomorrow = SENT + timedelta(days=1)
    assert await young(db, chain, dark, LATER + timedelta(hours=1)) == set(OPTION_SERIES)
    assert await young(db, chain, dark, tomorrow) == set()
    clock.at = tomorrow
    await empty(db, chain, dark, tomorrow)
    await weigh(db, chain)
    assert not await expected(db, dark)
    assert await rows(db, "SELECT 1 FROM negative_claims") == []


async def test_an_hour_before_the_listing_does_not_end_the_session(db: Database, clock: HandClock) -> None:
    """Only claims from open to close, in every series, tell that a contract was not listed; two pieces do."""
    chain = await make_chain(db, 2)
    dark = chain.contracts[0]
    await listed_on(db, date(2026, 11, 23), dark)
    before = Span(FRIDAY.open, LAST_HOUR.start)
    for night in range(2):
        clock.at = SENT + timedelta(days=night)
        await empty(db, chain, dark, clock.at, LAST_HOUR)
        await empty(db, chain, dark, clock.at, before, T, B)
        await weigh(db, chain)
        assert await expected(db, dark)
    for night in range(2, 4):
        clock.at = SENT + timedelta(days=night)
        await empty(db, chain, dark, clock.at, before, A)
        await weigh(db, chain)
    assert not await expected(db, dark)


async def test_nights_say_nothing_of_what_expired_before_them(db: Database, clock: HandClock) -> None:
    """Three nights find a third of the contracts empty: those that lived settle; those that had expired do not."""
    chain = await make_chain(db, 15, expiration=date(2026, 12, 18))
    living, gone = chain.contracts[:3], chain.contracts[3:6]
    async with db._connection() as connection:
        expire = "UPDATE option_chains SET expiration_date = $1 WHERE id = ANY($2)"
        await connection.execute(expire, FRIDAY.day, [contract.id for contract in gone])
    for contract in chain.contracts[6:]:
        given = answers(contract, TRADES=answer([trade(3)]), BID=answer([quote(3)]), ASK=answer([quote(3)]))
        await bar_tables.store(db, [given], 1)
    for sent in (SENT, LATER):
        for contract in (*living, *gone):
            await empty(db, chain, contract, sent)
    assert [one.symbol for one in (await weigh(db, chain)).implausible] == ["PLTR"]
    for night in range(1, 3):
        clock.at = SENT + timedelta(days=night)
        for contract in living:
            await empty(db, chain, contract, clock.at)
        found = await weigh(db, chain)
    assert found.settled == 3 * len(living)
    words = "6 of 15 contracts have no bar at all; accepted, for 3 nights found the same"
    assert [one.words for one in found.accepted] == [words]
    held = await rows(db, "SELECT DISTINCT state, reason FROM negative_claims")
    assert held == [("held", f"{words}; this one had expired by then")]
