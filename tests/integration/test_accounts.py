"""What an account shows beside its numbers: copies in the archive, witnesses, failures, the quarantine."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from collector.clock import SystemClock
from collector.db.bars import bar_tables
from collector.db.bars.bar_tables import InstrumentAnswers
from collector.db.bookkeeping.requests_table import RequestRecord
from collector.db.connection import pool
from collector.db.connection.pool import Database
from collector.domain.market_data.answers import Outcome
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN, UNDERLYING_BARS_5MIN
from collector.domain.market_data.instruments import OptionContract
from collector.domain.market_data.spans import Spans
from collector.lineage import missing, sessions, telling, values
from collector.lineage.answers import Proof
from collector.lineage.values import State
from tests.support.db_rows import FRIDAY, MONDAY, A, B, T, answer, make_chain, quote, rows, slot, trade

_OBJECT = """
INSERT INTO archive_objects (place, path, underlying_id, data_set, first_session, last_session, rows, bytes, hash,
    facts, format, written_at, verified_at)
VALUES ('s3://bars', 'option_bars_5min/v1/symbol=PLTR/2026-11-20.parquet', $1, 1, '2026-11-20', '2026-11-20', 78, 900,
    'c0ffee', '{}', 1, $2, $2)
RETURNING id
"""
_SESSION = """
INSERT INTO archived_sessions (object_id, underlying_id, data_set, session_date, change, rows, hash, settled)
VALUES ($1, $2, 1, '2026-11-20', $3, 78, 'beef', true) RETURNING object_id
"""


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Open a database of each engine on Friday's night."""
    async with pool.connect(database_url, SystemClock(FRIDAY.close + timedelta(hours=5))) as db:
        yield db


async def test_copies_witnesses_and_failures(database: Database) -> None:
    """The object with its hash and whether it is present; who saw nothing, twice; what ended without an answer."""
    chain = await make_chain(database)
    contract, at = chain.contracts[0], FRIDAY.settles_at

    def asked(minutes: int, outcome: Outcome, what: object = T) -> RequestRecord:
        sent_at, negatives = at + timedelta(minutes=minutes), Spans((FRIDAY.span,))
        return RequestRecord(
            contract, OPTION_BARS_5MIN, what, FRIDAY.span, sent_at, sent_at, outcome,  # type: ignore[arg-type]  # a series
            negatives=negatives if outcome is Outcome.NO_DATA else None,
        )  # fmt: skip

    nothing = Outcome.NO_DATA
    requests = (asked(1, nothing), asked(9, nothing), asked(40, nothing), asked(3, Outcome.FARM_DOWN, B))
    quotes = answer([quote(number) for number in range(78)])
    given = InstrumentAnswers(contract, OPTION_BARS_5MIN, {T: answer(), A: quotes}, requests=requests)
    await bar_tables.store(database, [given], 1)
    await rows(database, "UPDATE requests SET controlled = true WHERE negatives IS NOT NULL RETURNING 1")
    [(object_id,)] = await rows(database, _OBJECT, chain.underlying.id, at)
    [(change,)] = await rows(database, "SELECT max(change) FROM session_changes WHERE data_set = 1")
    assert isinstance(change, int)
    await rows(database, _SESSION, object_id, chain.underlying.id, change)

    account = await values.account(database, contract.occ_symbol, slot(5))

    trades, bid, ask = account.series
    assert (trades.state, bid.state, ask.state) == (State.SETTLED, State.OPEN, State.SETTLED)
    assert [one.sent_at - at for one in trades.witnesses] == [timedelta(minutes=1), timedelta(minutes=40)]
    assert (bid.failures, bid.asked) == (1, 1)
    assert ask.brought.proof is Proof.NONE  # stored by the test, without any request
    assert [(one.path[-18:], one.hash, one.is_present) for one in account.archived] == [
        ("2026-11-20.parquet", "c0ffee", True)
    ]
    told = "\n".join(telling.lines(account))
    assert "witness 1 that there was none: the request of 2026-11-20 16:16:00" in told
    assert "witness 2 that there was none: the request of 2026-11-20 16:55:00" in told
    assert "1 request of 1 ended without an answer, the last: the request of 2026-11-20 16:18:00" in told
    assert "failed, the source's data farm was down" in told
    assert "2026-11-20.parquet: holds what the database holds, read back 2026-11-20 16:15; SHA-256 c0ffee" in told

    changed = answer([quote(number, "1.30") for number in range(78)])
    await bar_tables.store(database, [InstrumentAnswers(contract, OPTION_BARS_5MIN, {A: changed})], 2)
    account = await values.account(database, str(contract.id), slot(5))
    assert [one.is_present for one in account.archived] == [False]
    assert "holds an earlier state" in "\n".join(telling.lines(account))
    [version] = account.series[2].versions
    assert (str(version.numbers["close"]), version.run_id) == ("1.2000", 2)


async def test_a_session_that_was_never_wanted_is_not_whole(database: Database) -> None:
    """Before the first selection a symbol misses all of a session, and is told so; likewise its own bars."""
    chain = await make_chain(database, select_from=MONDAY.day)
    found = await missing.missing(database, chain.underlying, OPTION_BARS_5MIN, FRIDAY, (T, B, A))
    assert found.sentences == ("No selection of contracts of PLTR is on record for 2026-11-20: nothing was expected.",)
    own = await missing.missing(database, chain.underlying, UNDERLYING_BARS_5MIN, FRIDAY, UNDERLYING_BARS_5MIN.series)
    assert own.sentences == ("No bars of PLTR are expected on 2026-11-20.",)
    account = await sessions.session(database, chain.underlying, FRIDAY, (T, B, A))
    assert "No selection of contracts of PLTR is on record for 2026-11-20" in "\n".join(telling.session_lines(account))


_ANSWERED = """
INSERT INTO requests (
    sent_at, answered_at, run_id, instrument_id, data_set, what_to_show, span, outcome, bars, checksum
)
VALUES ($2, $2, 1, $1, 1, 'BID', tstzrange($3, $4), 'bars', 78, 5) RETURNING 1
"""


async def test_bars_that_are_gone_are_told(database: Database) -> None:
    """Of one contract, then of the whole session; with the archive's object, and without; for a symbol, in counts."""
    chain = await make_chain(database)
    one, two = chain.contracts
    quotes = answer([quote(number) for number in range(78)])
    given = [InstrumentAnswers(each, OPTION_BARS_5MIN, {T: answer(), B: quotes, A: quotes}) for each in (one, two)]
    await bar_tables.store(database, given, 1)
    for each in (one, two):
        await rows(database, _ANSWERED, each.id, FRIDAY.settles_at, FRIDAY.open, FRIDAY.close)

    async def told(contract: OptionContract | None = None) -> list[str]:
        found = await missing.missing(database, chain.underlying, OPTION_BARS_5MIN, FRIDAY, (T, B, A), contract)
        return [sentence for sentence in found.sentences if "volatility" not in sentence]

    assert await told() == await told(one) == []
    gone = "DELETE FROM store.option_bars_5min WHERE contract_id = $1 RETURNING 1"
    await rows(database, gone, one.id)
    nowhere = "on 2026-11-20 are not in the database any more; no archive has the session."
    assert await told(one) == [f"The bars of PLTR 261123C00101000 {nowhere}"]
    assert await told() == [f"The bars of 1 contract of PLTR {nowhere}"]
    assert await told(two) == []

    await rows(database, gone, two.id)
    await rows(database, "DELETE FROM requests RETURNING 1")  # as when they are older than their record is kept
    assert await told() == [f"The bars of PLTR {nowhere}"]
    account = await sessions.session(database, chain.underlying, FRIDAY, (T, B, A))
    assert f"The bars of PLTR {nowhere}" in "\n".join(telling.session_lines(account))

    [(object_id,)] = await rows(database, _OBJECT, chain.underlying.id, FRIDAY.settles_at)
    await rows(database, _SESSION, object_id, chain.underlying.id, 1)
    held = "the archive has the session: s3://bars/option_bars_5min/v1/symbol=PLTR/2026-11-20.parquet."
    assert await told(one) == [
        f"The bars of PLTR 261123C00101000 on 2026-11-20 are not in the database any more; {held}"
    ]


async def test_own_bars_that_are_gone_are_told(database: Database) -> None:
    """An underlying's own bars, which answers on record brought."""
    chain = await make_chain(database)
    data_set, series = UNDERLYING_BARS_5MIN, UNDERLYING_BARS_5MIN.series
    quotes = answer([quote(number) for number in range(78)])
    own = InstrumentAnswers(chain.underlying, data_set, {T: answer([trade(0, "100", "3")]), series[1]: quotes})
    await bar_tables.store(database, [own], 1)
    asked = _ANSWERED.replace("1, 'BID'", f"{data_set.id}, '{series[1]}'")
    await rows(database, asked, -chain.underlying.id, FRIDAY.settles_at, FRIDAY.open, FRIDAY.close)
    assert (await missing.missing(database, chain.underlying, data_set, FRIDAY, series)).sentences == ()
    await rows(database, "DELETE FROM store.underlying_bars_5min RETURNING 1")
    found = await missing.missing(database, chain.underlying, data_set, FRIDAY, series)
    assert found.sentences == (
        "The bars of PLTR on 2026-11-20 are not in the database any more; no archive has the session.",
    )
