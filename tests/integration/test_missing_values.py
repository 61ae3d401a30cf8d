"""Why values are missing: each cause in a sentence of its own, each slot under one of them."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from collector.clock import SystemClock
from collector.db.bars import bar_tables
from collector.db.bars.bar_tables import InstrumentAnswers, SeriesAnswer
from collector.db.bookkeeping.requests_table import RequestRecord
from collector.db.connection import pool
from collector.db.connection.pool import Database
from collector.domain.market_data.answers import Outcome
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.market_data.instruments import OPTION_SERIES, OptionContract
from collector.domain.market_data.spans import Span, Spans
from collector.lineage.missing import Cause, missing
from tests.support.db_rows import FRIDAY, A, B, T, answer, make_chain, quote, rows, slot, trade
from tests.support.slots import SLOT

SATURDAY = FRIDAY.close + timedelta(hours=5)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Open a database of each engine on Friday's night."""
    async with pool.connect(database_url, SystemClock(SATURDAY)) as db:
        yield db


def part(first: int, end: int) -> Span:
    """Return the span of some slots of Friday."""
    return Span(slot(first), slot(end - 1) + SLOT)


def timed_out(contract: OptionContract, hour: int) -> RequestRecord:
    """Return a request for the whole of BID, so many hours after the close, that nobody answered."""
    sent_at, words = FRIDAY.close + timedelta(hours=hour), "no answer in 60 s"
    return RequestRecord(contract, OPTION_BARS_5MIN, B, FRIDAY.span, sent_at, None, Outcome.TIME_OUT, message=words)


_LOSE = """
INSERT INTO historical_data_gaps (
    instrument_id, data_set, what_to_show, state, gap_start, gap_end, gap_type, detected_at, lost_at, reason
)
VALUES ($1, 1, 'TRADES', 'lost', $2, $3, 'missing_bars', $4, $4, 'no security definition has been found') RETURNING id
"""
_CLAIM = """
INSERT INTO negative_claims (instrument_id, data_set, what_to_show, session_date, span, state, reason, first_sent_at)
VALUES ($1, 1, 'TRADES', '2026-11-20', tstzrange($2, $3), $4, $5, $6) RETURNING state
"""
_REFUSE = """
INSERT INTO quarantined_bars (
    instrument_id, data_set, what_to_show, time, reason, open, high, low, close, quarantined_at
)
VALUES ($1, 1, 'TRADES', $2, 'negative_price', 1, 1, -1, 1, $3) RETURNING id
"""


async def test_each_cause_has_its_sentence(database: Database) -> None:
    """A series in pieces: settled, lost, awaiting, not believed, refused, provisional, never answered, never asked."""
    chain = await make_chain(database)
    contract, other = chain.contracts
    at = FRIDAY.settles_at
    settled, provisional = Spans((part(0, 10),)), Spans((part(41, 50),))
    given = InstrumentAnswers(
        contract,
        OPTION_BARS_5MIN,
        {
            T: SeriesAnswer((trade(0), trade(42)), settled | provisional, settled),
            A: answer([quote(number) for number in range(78)]),
        },
        requests=tuple(timed_out(contract, hour) for hour in (1, 2, 4)),
    )
    await bar_tables.store(database, [given], 1)
    await rows(database, _LOSE, contract.id, slot(10), slot(20), at)
    await rows(database, _CLAIM, contract.id, slot(20), slot(30), "awaiting", "", at)
    await rows(database, _CLAIM, contract.id, slot(30), slot(40), "held", "the session is not plausible", at)
    await rows(database, _REFUSE, contract.id, slot(40), at)

    found = await missing(database, chain.underlying, OPTION_BARS_5MIN, FRIDAY, OPTION_SERIES, contract)

    assert (found.instruments, found.expected) == (1, 3 * 78)
    assert [(hole.what_to_show, hole.cause, hole.slots) for hole in found.holes] == [
        (B, Cause.FAILED, 78),
        (T, Cause.LOST, 10),
        (T, Cause.AWAITING, 10),
        (T, Cause.HELD, 10),
        (T, Cause.REFUSED, 1),
        (T, Cause.PROVISIONAL, 9),
        (T, Cause.UNASKED, 28),
    ]
    assert found.sentences[:7] == (
        (
            "09:30–16:00 BID: asked 3 times, last 2026-11-20 20:00, timed out (no answer in 60 s);"
            " open gap, late_night asks again."
        ),
        "10:20–11:10 TRADES: lost since 2026-11-20 16:15: no security definition has been found.",
        "11:10–12:00 TRADES: called empty, awaits a second witness; first found empty 2026-11-20 16:15.",
        (
            "12:00–12:50 TRADES: called empty, and not believed: the session is not plausible;"
            " first found empty 2026-11-20 16:15."
        ),
        (
            "12:50–12:55 TRADES: a bar came that cannot be true, a price is below 0; late_night asks again,"
            " and the same bar a second time settles it."
        ),
        "12:55–13:40 TRADES: answered before the session had settled; eod or late_night asks again.",
        "13:40–16:00 TRADES: never asked for; open gap, late_night asks.",
    )

    every = await missing(database, chain.underlying, OPTION_BARS_5MIN, FRIDAY, OPTION_SERIES)
    assert (every.instruments, every.expected) == (2, 2 * 3 * 78)
    unasked = {hole.what_to_show: hole for hole in every.holes if hole.cause is Cause.UNASKED}
    assert {what: (hole.instruments, hole.slots) for what, hole in unasked.items()} == {
        T: (2, 28 + 78), B: (1, 78), A: (1, 78),
    }  # fmt: skip
    assert (
        unasked[T].sentence
        == "TRADES, 2 contracts, 106 slots (09:30–16:00): never asked for; open gap, late_night asks."
    )
    whole = await missing(database, chain.underlying, OPTION_BARS_5MIN, FRIDAY, OPTION_SERIES, other)
    assert sum(hole.slots for hole in whole.holes) == whole.expected


async def test_what_is_not_over_and_what_is_not_expected(database_url: str) -> None:
    """At noon the slots to come are not missing; a contract that has expired or was not selected has none at all."""
    noon: datetime = slot(30)
    async with pool.connect(database_url, SystemClock(noon)) as database:
        chain = await make_chain(database)
        contract = chain.contracts[0]
        found = await missing(database, chain.underlying, OPTION_BARS_5MIN, FRIDAY, OPTION_SERIES, contract)
        assert {(hole.cause, hole.slots) for hole in found.holes} == {(Cause.UNASKED, 30), (Cause.NOT_OVER, 48)}
        assert "12:00–16:00 ASK: the session is not over." in found.sentences

        late = replace(FRIDAY, day=contract.expiration + timedelta(days=1))
        found = await missing(database, chain.underlying, OPTION_BARS_5MIN, late, OPTION_SERIES, contract)
        assert (found.expected, found.holes) == (0, ())
        assert found.sentences == ("The contract expired on 2026-11-23, before the session of 2026-11-24.",)
