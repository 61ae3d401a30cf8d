"""Requests on record: written with the bars that they brought, read by who weighs and who waits."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from collector.db.bars import bar_tables
from collector.db.bars.bar_tables import InstrumentAnswers
from collector.db.bookkeeping import requests_table
from collector.db.bookkeeping.requests_table import RequestRecord
from collector.db.connection.pool import Database
from collector.db.upkeep import retention
from collector.domain.errors import DatabaseError
from collector.domain.market_data.answers import Outcome
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN, UNDERLYING_BARS_5MIN
from collector.domain.market_data.instruments import Instrument
from collector.domain.market_data.spans import Spans
from tests.support.db_rows import FRIDAY, A, B, T, V, answer, answers, make_chain, quote, rows, trade
from tests.support.slots import data_set_of

SENT = FRIDAY.settles_at + timedelta(minutes=5)
TABLE = """
SELECT sent_at, answered_at, run_id, login, instrument_id, data_set, what_to_show, span::text, outcome, code, message,
    bars, first_bar, negatives::text, controlled
FROM requests ORDER BY instrument_id DESC, what_to_show
"""
WHOLE = '["2026-11-20 14:30:00+00","2026-11-20 21:00:00+00")'


def request(instrument: Instrument, seconds: float = 1.5, sent_at: datetime = SENT) -> RequestRecord:
    """Return the record of a TRADES request for Friday that brought two bars."""
    end = sent_at + timedelta(seconds=seconds)
    return RequestRecord(
        instrument, data_set_of(instrument), T, FRIDAY.span, sent_at, end, Outcome.BARS, bars=2, first_bar=FRIDAY.open
    )


async def test_requests_stand_beside_their_bars(database: Database) -> None:
    """Bars, a negative and a time-out: who was asked for what, when, by which login, and how it ended."""
    chain = await make_chain(database, 1)
    (contract,) = chain.contracts
    own = request(chain.underlying)
    empty = replace(
        own,
        instrument=contract,
        data_set=OPTION_BARS_5MIN,
        what_to_show=B,
        outcome=Outcome.NO_DATA,
        message="no data",
        bars=0,
        first_bar=None,
        negatives=Spans((FRIDAY.span,)),
    )
    words = "no answer\tin\n45 s: \\N"
    late = replace(empty, what_to_show=A, answered_at=None, outcome=Outcome.TIME_OUT, message=words, negatives=None)
    refused = replace(late, what_to_show=T, outcome=Outcome.PERMISSION, code=354)
    batch = [
        replace(answers(chain.underlying, TRADES=answer([trade(0), trade(1)])), requests=(own,)),
        replace(answers(contract, BID=answer(settles=False)), requests=(empty,)),
        InstrumentAnswers(contract, OPTION_BARS_5MIN, {}, requests=(late, refused)),
    ]

    await bar_tables.store(database, batch, 7, login="trader")

    end = SENT + timedelta(seconds=1.5)
    head, id_ = (7, "trader"), contract.id
    assert await rows(database, TABLE) == [
        (SENT, None, *head, id_, 1, "ASK", WHOLE, "time_out", None, words, 0, None, None, None),
        (SENT, end, *head, id_, 1, "BID", WHOLE, "no_data", None, "no data", 0, None, f"{{{WHOLE}}}", None),
        (SENT, None, *head, id_, 1, "TRADES", WHOLE, "permission", 354, words, 0, None, None, None),
        (SENT, end, *head, -chain.underlying.id, 2, "TRADES", WHOLE, "bars", None, None, 2, FRIDAY.open, None, None),
    ]


async def test_a_batch_stored_again_is_on_record_once(database: Database) -> None:
    """The reply to a commit was lost and the batch comes again; the same question asked later is another request."""
    contract = (await make_chain(database)).contracts[0]
    batch = [replace(answers(contract, TRADES=answer([trade(0)])), requests=(request(contract),))]
    for _ in range(2):
        await bar_tables.store(database, batch, 1)
    later = [replace(batch[0], requests=(request(contract, sent_at=SENT + timedelta(minutes=30)),))]
    await bar_tables.store(database, later, 1)

    assert await rows(database, "SELECT count(*) FROM requests") == [(2,)]


async def test_two_requests_of_one_instant_are_two(database: Database) -> None:
    """The source's clock tells whole seconds: a control asked again within one is on record with its own answer."""
    chain = await make_chain(database, 1)
    for seconds in (0.1, 0.6, 0.6):
        record = request(chain.underlying, seconds)
        batch = [InstrumentAnswers(chain.underlying, record.data_set, {}, requests=(record,))]
        await bar_tables.store(database, batch, 7)
    ends = [(SENT + timedelta(seconds=seconds),) for seconds in (0.1, 0.6)]
    assert await rows(database, "SELECT answered_at FROM requests ORDER BY answered_at") == ends


async def test_what_is_not_stored_is_not_on_record(database: Database) -> None:
    """A transaction that fails takes the record of its requests along: nobody takes them for witnesses."""
    contract = (await make_chain(database)).contracts[0]
    given = answers(contract, TRADES=answer([trade(0, close="1e12")]))
    with pytest.raises(DatabaseError):
        await bar_tables.store(database, [replace(given, requests=(request(contract),))], 1)

    assert await rows(database, "SELECT count(*) FROM requests") == [(0,)]


async def test_depths_are_what_answers_reached(database: Database) -> None:
    """The longest way from a first bar to its request, by kind of instrument and series, of late requests only."""
    chain = await make_chain(database, 1)
    (contract,) = chain.contracts
    near = request(contract)
    far = replace(near, first_bar=SENT - timedelta(days=60))
    old = replace(near, sent_at=SENT - timedelta(days=20), first_bar=SENT - timedelta(days=200))
    index = replace(
        near,
        instrument=chain.underlying,
        data_set=UNDERLYING_BARS_5MIN,
        what_to_show=V,
        first_bar=SENT - timedelta(days=3),
    )
    empty = replace(near, what_to_show=B, bars=0, first_bar=None, outcome=Outcome.NO_DATA)
    await bar_tables.store(
        database, [InstrumentAnswers(contract, OPTION_BARS_5MIN, {}, requests=(near, far, old, index, empty))], 1
    )

    since = SENT - timedelta(days=14)
    assert await requests_table.depths(database, OPTION_BARS_5MIN, since) == {T: timedelta(days=60)}
    assert await requests_table.depths(database, UNDERLYING_BARS_5MIN, since) == {V: timedelta(days=3)}


async def test_the_slowest_requests(database: Database) -> None:
    """The slowest first, with what a person calls the instrument; what was never answered took no known time."""
    chain = await make_chain(database, 1)
    (contract,) = chain.contracts
    asked = (
        request(contract, 1.5),
        request(chain.underlying, 12.25),
        replace(request(contract, 3, SENT + timedelta(seconds=1)), answered_at=None, outcome=Outcome.TIME_OUT),
        request(contract, 99, SENT - timedelta(days=9)),
    )
    await bar_tables.store(database, [InstrumentAnswers(contract, OPTION_BARS_5MIN, {}, requests=asked)], 1)

    found = await requests_table.slowest(database, SENT - timedelta(days=7), 2)

    assert [(one.contract, one.seconds) for one in found] == [
        ("PLTR", Decimal("12.250")),
        (contract.occ_symbol, Decimal("1.500")),
    ]
    assert await requests_table.slowest(database, SENT - timedelta(days=7), 1) == found[:1]


async def test_old_requests_go(database: Database) -> None:
    """Beyond the age limit the record goes, whole weeks at a time where there are chunks; a dry run only counts."""
    contract = (await make_chain(database)).contracts[0]
    old = [request(contract, sent_at=SENT - timedelta(days=days)) for days in (415, 414, 399, 0)]
    await bar_tables.store(database, [InstrumentAnswers(contract, OPTION_BARS_5MIN, {}, requests=tuple(old))], 1)

    assert await retention.drop_old_requests(database.url, SENT, None) == 0
    assert await retention.drop_old_requests(database.url, SENT, 400, dry_run=True) == 2
    assert await rows(database, "SELECT count(*) FROM requests") == [(4,)]
    assert await retention.drop_old_requests(database.url, SENT, 400) == 2
    assert await retention.drop_old_requests(database.url, SENT, 400) == 0
    assert await rows(database, "SELECT count(*) FROM requests") == [(2,)]


async def test_an_empty_answer_beside_a_bar(database: Database) -> None:
    """Requests of several series of one contract stand side by side."""
    contract = (await make_chain(database)).contracts[0]
    given = answers(contract, TRADES=answer([trade(0)]), BID=answer([quote(0)]))
    both = (request(contract), replace(request(contract), what_to_show=B))
    await bar_tables.store(database, [replace(given, requests=both)], 1)

    assert await rows(database, "SELECT what_to_show FROM requests ORDER BY 1") == [("BID",), ("TRADES",)]
