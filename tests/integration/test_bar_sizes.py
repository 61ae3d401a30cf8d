"""What is known of one size of bars says nothing of another size of the same instrument's."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import pytest_asyncio

from collector.clock import SystemClock
from collector.db.bars import bar_tables, quarantine
from collector.db.bookkeeping import claims, coverage_table, dead_letters, gaps_table, requests_table
from collector.db.bookkeeping.claims import NewClaim
from collector.db.bookkeeping.dead_letters import NewLetter
from collector.db.bookkeeping.gaps_table import GapTotal, Recorded
from collector.db.bookkeeping.requests_table import RequestRecord
from collector.db.connection import pool
from collector.db.connection.pool import Database
from collector.db.connection.sql_values import spans_literal
from collector.domain.coverage.evidence import Ruling
from collector.domain.market_data.answers import Failure, HistoricalRequest, Outcome
from collector.domain.market_data.bars import decimal
from collector.domain.market_data.data_sets import (
    OPTION_BARS_5MIN,
    UNDERLYING_BARS_1DAY,
    UNDERLYING_BARS_1MIN,
    UNDERLYING_BARS_5MIN,
    DataSet,
    InstrumentKind,
)
from collector.domain.market_data.instruments import Instrument
from collector.domain.market_data.spans import Spans
from collector.domain.quality.quality_rules import Impossible, Quarantined
from collector.domain.run_vocabulary import Asks, GapState
from tests.support.db_rows import FRIDAY, Chain, T, answer, answers, make_chain, quote, rows, slot, trade
from tests.support.slots import SLOT

MINUTE = timedelta(minutes=1)
OPTION_BARS_1MIN = replace(OPTION_BARS_5MIN, id=5, name="option_bars_1min", bar_size=MINUTE)
SENT = FRIDAY.settles_at + timedelta(minutes=5)
TABLES = {
    "request_coverage": "what_to_show, covered::text, settled::text, single_witness::text",
    "historical_data_gaps": "what_to_show, state, gap_start, gap_end",
    "negative_claims": "what_to_show, span, state, last_sent_at, reason",
    "dead_letters": "what_to_show, span, outcome, attempts, resolution",
    "quarantined_bars": "what_to_show, time, close, seen, reason",
    "requests": "what_to_show, sent_at, bars, controlled",
}
"""What tells whether a row was touched."""


@pytest_asyncio.fixture
async def db(plain_database_url: str) -> AsyncIterator[Database]:
    """Give a database that knows bars of a minute of options, too, which this version does not."""
    async with pool.connect(plain_database_url, SystemClock(SENT)) as opened:
        await rows(
            opened,
            "INSERT INTO data_sets (id, name, instrument_kind, bar_seconds) VALUES ($1, $2, $3, 60) RETURNING id",
            OPTION_BARS_1MIN.id,
            OPTION_BARS_1MIN.name,
            OPTION_BARS_1MIN.kind.value,
        )
        yield opened


@pytest_asyncio.fixture
async def chain(db: Database) -> Chain:
    """Give one contract, selected for Friday with its underlying in every data set."""
    made = await make_chain(db, 1, select_from=FRIDAY.day)
    await rows(
        db,
        "INSERT INTO underlying_selections (underlying_id, data_set, selected)"
        " SELECT underlying_id, kind, selected FROM underlying_selections, unnest('{3, 4}'::smallint[]) AS kind"
        " RETURNING 1",
    )
    return made


def instrument(chain: Chain, data_set: DataSet) -> Instrument:
    """Return the one that a data set is about."""
    return chain.contracts[0] if data_set.kind is InstrumentKind.OPTION else chain.underlying


async def known(db: Database, data_set: DataSet) -> dict[str, list[tuple[object, ...]]]:
    """Return what the bookkeeping says of a data set."""
    found = {}
    for table, columns in TABLES.items():
        statement = f"SELECT instrument_id, {columns} FROM {table} WHERE data_set = $1 ORDER BY 1, 2, 3"  # noqa: S608 - the names stand in this file
        found[table] = await rows(db, statement, data_set.id)
    return found


async def answered(
    db: Database, data_set: DataSet, one: Instrument, spans: Spans, *, settled: bool = True, sent_at: datetime = SENT
) -> None:
    """Cover what an answer speaks for, put it on record and set a bar apart, in one transaction, as storing does."""
    covered, final = spans, spans if settled else Spans()
    refused = Spans.of(slot(70), slot(70) + min(data_set.bar_size, SLOT))
    bad = Quarantined(data_set, T, trade(70), Impossible.HIGH_BELOW_LOW, sent_at, final=True)
    negatives = Spans((FRIDAY.span,))
    asked = RequestRecord(one, data_set, T, FRIDAY.span, sent_at, sent_at, Outcome.NO_DATA, negatives=negatives)
    async with db.transaction(quarantine.PREPARED, requests_table.PREPARED) as transaction:
        for again in await quarantine.add(transaction, data_set, [(one, bad)], 1):
            confirmed = again.slots & refused
            refused, covered, final = refused - confirmed, covered | confirmed, final | confirmed & again.final
        given = [one.key], [T.value], [spans_literal(refused)]
        await transaction.execute("uncover_refused_slots", data_set.id, data_set.bar_size, *given, [], [], [])
        said = [spans_literal(covered)], [spans_literal(final)]
        merge = "SELECT store.merge_coverage($1::smallint, $2, $3, $4, $5)"
        await rows(transaction, merge, data_set.id, [one.key], [T.value], *said)
        await requests_table.record(transaction, [asked], 1)


async def wanting(db: Database, chain: Chain, data_set: DataSet) -> None:
    """Let a series of a data set have a row of every kind, nothing of it settled."""
    one, id_ = instrument(chain, data_set), chain.underlying.id
    await answered(db, data_set, one, Spans(), settled=False)
    await gaps_table.record(db, data_set, id_, [FRIDAY], [T], now=SENT)
    span = data_set.span(FRIDAY)
    await claims.add(db, data_set, [NewClaim(one.key, T, FRIDAY.day, span, SENT, 1, "", SENT)])
    letter = NewLetter(HistoricalRequest(one, data_set, T, span), Failure(Outcome.TIME_OUT, "no answer"))
    await dead_letters.add(db, data_set, [letter], now=SENT)


SIZES = [
    (UNDERLYING_BARS_1MIN, UNDERLYING_BARS_5MIN),
    (UNDERLYING_BARS_5MIN, UNDERLYING_BARS_1MIN),
    (UNDERLYING_BARS_1DAY, UNDERLYING_BARS_5MIN),
    (OPTION_BARS_1MIN, OPTION_BARS_5MIN),
    (OPTION_BARS_5MIN, OPTION_BARS_1MIN),
]


@pytest.mark.parametrize(("given", "other"), SIZES, ids=lambda one: one.name)
async def test_answers_settle_one_size_only(db: Database, chain: Chain, given: DataSet, other: DataSet) -> None:
    """A session settled by bars fills gaps, answers letters, ends claims and quarantine of that size, and no others."""
    for data_set in (given, other):
        await wanting(db, chain, data_set)
    before, one, id_ = await known(db, other), instrument(chain, given), chain.underlying.id
    assert all(before.values())
    later = SENT + timedelta(minutes=40)

    await answered(db, given, one, Spans((given.span(FRIDAY),)), sent_at=later)
    assert await claims.delete_answered(db, id_) == 1
    for data_set in (given, other):
        closed = int(data_set == given)
        assert await gaps_table.record(db, data_set, id_, [FRIDAY], [T], now=later) == Recorded(closed=closed)
    assert await dead_letters.resolve(db, later) == {"answered": 1}

    assert await known(db, other) == before
    lacking = [await coverage_table.missing(db, kind, id_, [FRIDAY], [T], Asks.NOT_SETTLED) for kind in (given, other)]
    assert [[(row.instrument_id, row.missing) for row in found] for found in lacking] == [
        [], [(one.key, Spans((other.span(FRIDAY),)))]
    ]  # fmt: skip
    assert [row[3] for row in (await known(db, given))["quarantined_bars"]] == [decimal(trade(70).close)]
    totals = await gaps_table.totals(db)
    assert totals[GapState.FILLED] == GapTotal(1, given.count(Spans((given.span(FRIDAY),))))
    assert totals[GapState.OPEN] == GapTotal(1, other.count(Spans((other.span(FRIDAY),))))


@pytest.mark.parametrize(("given", "other"), SIZES, ids=lambda one: one.name)
async def test_emptiness_settles_one_size_only(db: Database, chain: Chain, given: DataSet, other: DataSet) -> None:
    """Weighing, a second witness, a ruling and a confirmed negative of a size touch no claim of another."""
    for data_set in (given, other):
        await wanting(db, chain, data_set)
    before, one, id_ = await known(db, other), instrument(chain, given), chain.underlying.id
    assert all(before.values())
    later = SENT + timedelta(minutes=40)

    (negative,) = await claims.negatives(db, given, id_, SENT - SLOT, timedelta(days=45))
    await claims.mark_weighed(db, given, [(negative, True)])
    again = NewClaim(one.key, T, FRIDAY.day, given.span(FRIDAY), later, 2, "", later)
    await claims.add(db, given, [again])
    (found,) = await claims.claims(db, given, id_, [FRIDAY], [FRIDAY], Decimal("0.05"))
    assert (found.instrument, found.facts.first_sent_at, found.facts.last_sent_at) == (one.key, SENT, later)
    await claims.set_states(db, given, [(found, Ruling.AWAITING, "")])
    young = await claims.recent(db, given, id_, SENT)
    assert young == {(one.key, T): Spans((given.span(FRIDAY),))}
    # Neither a gap nor settled meanwhile; the other size's gap stands.
    for data_set in (given, other):
        assert await gaps_table.record(db, data_set, id_, [FRIDAY], [T], now=later) == Recorded()
    assert await claims.confirm(db, given, [(found, Ruling.SINGLE_WITNESS)]) == 1
    assert await dead_letters.resolve(db, later) == {"answered": 1}

    assert await known(db, other) == before
    now = await known(db, given)
    assert (now["negative_claims"], now["historical_data_gaps"]) == ([], [])
    ((_, _, covered, settled, single),) = now["request_coverage"]
    assert covered == settled == single != "{}"
    assert await claims.good_answers(db, other, id_, SENT - SLOT) == []


@pytest.mark.parametrize(("given", "volume"), [(OPTION_BARS_1MIN, None), (OPTION_BARS_5MIN, 0)], ids=["1min", "5min"])
async def test_nobody_traded_in_a_minute_is_not_said_of_five(
    db: Database, chain: Chain, given: DataSet, volume: int | None
) -> None:
    """A slot with quotes says that nobody traded once TRADES of its own size have settled empty."""
    (contract,) = chain.contracts
    await bar_tables.store(db, [answers(contract, BID=answer([quote(3)]))], 1)
    await answered(db, given, contract, Spans((given.span(FRIDAY),)), settled=False)
    claim = NewClaim(contract.key, T, FRIDAY.day, given.span(FRIDAY), SENT, 1, "", SENT)
    await claims.add(db, given, [claim])
    found = await claims.claims(db, given, chain.underlying.id, [FRIDAY], [FRIDAY], Decimal("0.05"))
    assert await claims.confirm(db, given, [(one, Ruling.SETTLED) for one in found]) == 1
    assert await rows(db, "SELECT volume FROM option_bars_5min WHERE bid_close IS NOT NULL") == [(volume,)]


async def test_a_forgotten_session_is_forgotten_in_every_size(db: Database, chain: Chain) -> None:
    """Sizes that this version knows are forgotten, others keep what is covered."""
    sizes = (UNDERLYING_BARS_5MIN, UNDERLYING_BARS_1DAY, UNDERLYING_BARS_1MIN)
    for data_set in (*sizes, OPTION_BARS_1MIN):
        await answered(db, data_set, instrument(chain, data_set), Spans((data_set.span(FRIDAY),)))
    before = await known(db, OPTION_BARS_1MIN)
    assert await coverage_table.forget(db, FRIDAY, [chain.underlying.symbol], FRIDAY.day) == len(sizes)
    assert await known(db, OPTION_BARS_1MIN) == before
    for data_set in sizes:
        (row,) = (await known(db, data_set))["request_coverage"]
        assert row[2:4] == ("{}", "{}")


async def test_a_days_slot_is_from_midnight_to_midnight(db: Database, chain: Chain) -> None:
    """A daily data set lacks one slot a session, and a gap of it counts as one."""
    (lacking,) = await coverage_table.missing(
        db, UNDERLYING_BARS_1DAY, chain.underlying.id, [FRIDAY], [T], Asks.NOT_SETTLED
    )
    midnight = datetime(2026, 11, 20, tzinfo=UTC)
    assert lacking.missing == Spans.of(midnight, midnight + timedelta(days=1))
    await gaps_table.record(db, UNDERLYING_BARS_1DAY, chain.underlying.id, [FRIDAY], [T])
    assert (await gaps_table.totals(db))[GapState.OPEN] == GapTotal(1, 1)
