"""One absurd number costs one slot; one instrument that the server refuses costs itself, and no other."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from collector.clock import SystemClock
from collector.db.bars import bar_tables
from collector.db.bars.bar_tables import InstrumentAnswers
from collector.db.bookkeeping.requests_table import RequestRecord
from collector.db.connection.pool import Database
from collector.domain.market_data.answers import Outcome
from collector.domain.market_data.bars import Bar
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN, UNDERLYING_BARS_5MIN
from collector.domain.market_data.instruments import OPTION_SERIES, Instrument, WhatToShow
from collector.ib.bar_translation import bars as translated
from collector.runs.fetching.judging import examined
from collector.runs.fetching.storing import Storer
from collector.runs.tally import Tally
from tests.support.db_rows import FRIDAY, A, B, T, V, answer, answers, make_chain, quote, rows, slot, trade
from tests.support.slots import data_set_of

SENT = FRIDAY.settles_at + timedelta(minutes=5)
SERIES = (T, B, A)


def wire(number: int, **odd: str) -> list[str]:
    """Return a sound bar's eight strings, but for what is odd."""
    at = str(int(slot(number).timestamp()))
    sound = {"time": at, "open": "1.20", "high": "1.30", "low": "1.15", "close": "1.25", "volume": "10"}
    return list((sound | {"vwap": "1.2345", "count": "3"} | odd).values())


def session_of(what: WhatToShow, **odd: str) -> tuple[Bar, ...]:
    """Return a session's bars as they come from the wire, the one of slot 5 odd."""
    fields = [text for number in range(78) for text in wire(number, **(odd if number == 5 else {}))]
    return translated(fields, OPTION_BARS_5MIN, what, FRIDAY.span, FRIDAY.close)


def brought(instrument: Instrument, what: WhatToShow, found: tuple[Bar, ...]) -> InstrumentAnswers:
    """Return an instrument's judged answer in one series, with the record of its request."""
    record = RequestRecord(
        instrument, data_set_of(instrument), what, FRIDAY.span, SENT, SENT, Outcome.BARS, bars=len(found)
    )
    given = replace(answers(instrument, **{what.name: answer(found)}), requests=(record,))
    return examined(given, [FRIDAY])


ABSURD = {
    "a price that is NaN": (T, {"close": "NaN"}),
    "an infinite price": (T, {"high": "Infinity"}),
    "an unset price": (T, {"open": "1.7976931348623157E308"}),
    "a price that rounds to nothing": (T, {"low": "1e-30"}),
    "an ask that rounds to nothing": (A, {"low": "1e-30"}),
    "3,000,000,000 trades": (T, {"count": "3000000000"}),
    "1e200 trades": (T, {"count": "1e200"}),
    "a volume of 1e17": (T, {"volume": "1e17"}),
    "an average of 1e11": (T, {"vwap": "1e11"}),
    "a bid of 1e12": (B, {"high": "1e12"}),
    "a minute off the grid": (T, {"time": str(int(slot(5).timestamp()) + 60)}),
    "a volatility of 2e8": (V, {"high": "2e8"}),
    "a volatility of 1e299": (V, {"high": "1e299"}),
}


@pytest.mark.parametrize("kind", ABSURD)
async def test_one_absurd_number_costs_one_slot(database: Database, kind: str) -> None:
    """77 of 78 bars are stored and settled, the odd one stands in quarantine, its slot is all that is missing."""
    chain = await make_chain(database, 1)
    what, odd = ABSURD[kind]
    instrument: Instrument = chain.underlying if what is V else chain.contracts[0]
    table = "underlying_bars_5min" if what is V else "option_bars_5min"
    column = {T: "close", B: "bid_close", A: "ask_close", V: "implied_volatility"}[what]

    async with Storer(database, 1, lambda _: OPTION_SERIES, Tally(), SystemClock(), lambda: None) as storer:
        await storer.put(brought(instrument, what, session_of(what, **odd)))

    assert storer.refused == []
    assert await rows(database, f"SELECT count({column}) FROM {table}") == [(77,)]  # noqa: S608 - names of the test's own
    assert await rows(database, "SELECT count(*) FROM quarantined_bars") == [(1,)]
    settled = "SELECT sum(upper(part) - lower(part)) FROM request_coverage, unnest(settled) AS part"
    assert await rows(database, settled) == [(timedelta(minutes=5 * 77),)]


@pytest.mark.parametrize(
    ("field", "column", "sent"),
    [
        ("high", "high", "1.00000001"),
        ("low", "low", "1e-30"),
        ("open", "open", "-0.5"),
        ("close", "close", "100000.00010001"),
        ("volume", "volume", "123456789012345678901234567890.5"),
        ("vwap", "vwap", "123456789012.123456789"),
        ("count", "bar_count", "3000000000"),
    ],
)
async def test_the_quarantine_keeps_every_digit(database: Database, field: str, column: str, sent: str) -> None:
    """What cannot be true stands there as IB wrote it, whatever the bars' own columns hold, beside what can."""
    (contract,) = (await make_chain(database, 1)).contracts

    await bar_tables.store(database, [brought(contract, T, session_of(T, **{field: sent}))], 1)

    other = "low" if field == "open" else "open"
    statement = f"SELECT {column}, {other} FROM quarantined_bars"  # noqa: S608 - names of the test's own
    assert await rows(database, statement) == [(Decimal(sent), Decimal({"open": "1.20", "low": "1.15"}[other]))]


def test_an_unset_quote_is_no_quote() -> None:
    """A BID bar without a close is none, as -1 says: that is no bar that could be refused."""
    assert len(session_of(B, close="-1")) == len(session_of(B, close="1.7976931348623157E308")) == 77


LIAR = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.contract_id = {id} THEN
        RAISE EXCEPTION 'new row violates a rule: 1234567' USING ERRCODE = '{state}';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse BEFORE INSERT ON store.option_bars_5min FOR EACH ROW EXECUTE FUNCTION refuse();
"""


@pytest_asyncio.fixture
async def patient(database: Database) -> AsyncIterator[Database]:
    """Give a database that a run waits for."""
    with database.patience(60):
        yield database


@pytest.mark.parametrize("state", ["23514", "22003"])
async def test_an_instrument_that_the_server_refuses_stands_alone(patient: Database, state: str) -> None:
    """Of 20 contracts in one batch one is refused: 19 are stored, and its three requests are told to the caller.

    The server's words go to who parks them; the log has the SQLSTATE, for they may quote a value.
    """
    chain = await make_chain(patient, 20)
    bad = chain.contracts[11]
    async with patient._connection() as connection:
        await connection.execute(LIAR.format(id=bad.id, state=state))
    tally = Tally()

    with capture_logs() as logs:
        async with Storer(
            patient,
            1,
            lambda _: OPTION_SERIES,
            tally,
            SystemClock(datetime(2026, 11, 20, 22, tzinfo=UTC)),
            lambda: None,
        ) as storer:
            for contract in chain.contracts:
                given = [brought(contract, what, (trade(0) if what is T else quote(0),)) for what in SERIES]
                series = {what: one.series[what] for one, what in zip(given, SERIES, strict=True)}
                requests = tuple(request for one in given for request in one.requests)
                await storer.put(InstrumentAnswers(contract, OPTION_BARS_5MIN, series, requests=requests))

    assert await rows(patient, "SELECT count(*), count(DISTINCT contract_id) FROM option_bars_5min") == [(19, 19)]
    assert await rows(patient, "SELECT count(*), count(DISTINCT contract_id) FROM request_coverage") == [(57, 19)]
    assert await rows(patient, "SELECT count(*) FROM requests") == [(57,)]
    assert [(request.instrument.id, request.what_to_show) for request, _ in storer.refused] == [
        (bad.id, what) for what in SERIES
    ]
    (failure,) = {failure for _, failure in storer.refused}
    assert (failure.outcome, failure.message) == (
        Outcome.REJECTED,
        "the database refused the answer: new row violates a rule: 1234567",
    )
    assert tally.inserted == 19
    told = [entry for entry in logs if entry["event"] == "answer_refused"]
    assert [(entry["instrument"], entry["sqlstate"]) for entry in told] == [(bad.occ_symbol, state)]
    assert "1234567" not in str(logs)


async def test_the_refused_one_may_be_an_underlying(patient: Database) -> None:
    """It is told like any other, and what came with it is stored."""
    chain = await make_chain(patient, 1)
    (contract,) = chain.contracts
    huge = 10**20
    absurd = Bar(slot(0), huge, huge, huge, huge, 10_000, 1, huge)  # as if the rules of quality had a hole
    record = RequestRecord(chain.underlying, UNDERLYING_BARS_5MIN, T, FRIDAY.span, SENT, SENT, Outcome.BARS, bars=1)
    own = replace(answers(chain.underlying, TRADES=answer([absurd])), requests=(record,))

    async with Storer(patient, 1, lambda _: OPTION_SERIES, Tally(), SystemClock(), lambda: None) as storer:
        await storer.put(own)
        await storer.put(brought(contract, T, (trade(0),)))

    assert [(request.instrument, failure.outcome) for request, failure in storer.refused] == [
        (chain.underlying, Outcome.REJECTED)
    ]
    assert await rows(patient, "SELECT count(*) FROM option_bars_5min") == [(1,)]
