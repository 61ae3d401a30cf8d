"""The research API reads what the tables hold, and tells what they lack."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import adbc_driver_manager
import pyarrow as pa
import pytest
import pytest_asyncio

from collector import research
from collector.clock import SystemClock
from collector.config import BackupSettings, Settings
from collector.config.package_files import resource
from collector.db.bars import bar_tables
from collector.db.connection import pool
from collector.db.connection.pool import Database
from collector.db.connection.statements import filled
from collector.domain.errors import DatabaseError, DatabaseUnavailable, UnknownContract, UnknownSymbol, UsageError
from collector.domain.market_data.data_sets import UNDERLYING_BARS_5MIN
from collector.research import database as research_database
from collector.research.reader import Reader
from tests.support.db_rows import FRIDAY, MONDAY, Chain, answer, answers, make_chain, quote, rows, slot, trade
from tests.support.engines import Engine
from tests.support.fixtures_engines import Matrix

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")


async def stored(database: Database) -> Chain:
    """Store two calls with quotes and trades on Friday; of the second, BID was not answered."""
    made = await make_chain(database, 2)
    one, two = made.contracts
    slots = range(78)
    bids = answer([quote(n, f"1.{n:02}") for n in slots])
    asks = answer([quote(n, f"1.{n + 1:02}") for n in slots])
    await bar_tables.store(
        database,
        [
            answers(one, TRADES=answer([trade(0, "1.25"), trade(4, "0.0003", "7")]), BID=bids, ASK=asks),
            answers(two, TRADES=answer([trade(1, "2.5")]), ASK=asks),
        ],
        1,
    )
    return made


def reader(url: str, now: datetime = NOW) -> Reader:
    """Return a reader of a test's database at a time."""
    return Reader(Settings(backup=BackupSettings(enabled=False)), url, SystemClock(now))


@pytest_asyncio.fixture
async def chain(database: Database) -> Chain:
    """Give the two calls, on each engine."""
    return await stored(database)


@pytest_asyncio.fixture
async def data(chain: Chain, database_url: str) -> AsyncIterator[Reader]:
    """Give a reader of them."""
    with reader(database_url) as opened:
        yield opened


@pytest_asyncio.fixture
async def plain_data(plain_database_url: str) -> AsyncIterator[Reader]:
    """Give a reader of the two calls on the plain engine alone, for what is made in Python."""
    async with pool.connect(plain_database_url, SystemClock()) as database:
        await stored(database)
    with reader(plain_database_url) as opened:
        yield opened


async def test_bars_are_those_of_the_view(data: Reader, database: Database) -> None:
    """Every value of every row is the view's, exactly as decimals and as the nearest number by default."""
    names = [
        "time", "contract_id", "open", "high", "low", "close", "volume", "bar_count", "vwap", "bid_open", "bid_high",
        "bid_low", "bid_close", "ask_open", "ask_high", "ask_low", "ask_close", "mid_close", "spread_close",
        "implied_volatility", "delta", "gamma", "theta", "vega", "rho", "open_interest", "flags", "has_gaps",
    ]  # fmt: skip
    statement = f"SELECT {', '.join(names)} FROM option_bars_5min ORDER BY contract_id, time"  # noqa: S608 - names of columns
    expected = await rows(database, statement)
    exact = data.bars("PLTR", columns=names, exact=True)
    assert [tuple(row.values()) for row in exact.table.to_pylist()] == expected
    assert exact.schema.field("gamma").type == pa.decimal128(12, 6)
    floats = data.bars("PLTR", columns=names).table.to_pylist()
    assert [tuple(row.values()) for row in floats] == [
        tuple(float(value) if isinstance(value, Decimal) else value for value in row) for row in expected
    ]


async def test_a_row_says_whose_and_when(plain_data: Reader) -> None:
    """Contract, terms, session, New York's time and verdict are columns."""
    found = plain_data.history("PLTR 2026-11-23 101 C", slot(0), slot(2)).table.to_pylist()
    assert [row["verdict"] for row in found] == ["traded", "no_trade"]
    first = found[0]
    assert first["time"] == slot(0)
    assert str(first["new_york"]) == "2026-11-20 09:30:00-05:00"
    assert first["session_date"] == date(2026, 11, 20)
    assert first["contract_symbol"] == "PLTR  261123C00101000"
    assert first["occ_symbol"] == "PLTR 261123C00101000"
    assert (first["symbol"], first["expiration_date"], first["strike_price"], first["option_type"]) == (
        "PLTR", date(2026, 11, 23), 101.0, "C",
    )  # fmt: skip
    assert first["contract_id"] == plain_data.contracts("PLTR", on=FRIDAY.day).table["contract_id"][0].as_py()


async def test_a_contract_is_found_by_each_of_its_names(plain_data: Reader) -> None:
    """By OCC symbol with and without blanks, by terms, by id: the same rows."""
    own = plain_data.contracts("PLTR", on=FRIDAY.day).table["contract_id"][0].as_py()
    names = ["PLTR  261123C00101000", "PLTR261123C00101000", ("PLTR", date(2026, 11, 23), 101, "C"), own]
    tables = [plain_data.history(name).table for name in names]
    assert all(table.equals(tables[0]) for table in tables)
    assert tables[0].num_rows == 78


async def test_what_is_unknown_is_told_with_the_nearest(plain_data: Reader) -> None:
    """An unknown contract names those most like it, an unknown symbol the known ones."""
    with pytest.raises(UnknownContract) as contract:
        plain_data.history("PLTR 261123C00101500")
    assert contract.value.nearest == ("PLTR 261123C00101000", "PLTR 261123C00102000")
    for strike in ("101.0004", 101.0004):
        with pytest.raises(UnknownContract, match=r"101\.0004") as contract:
            plain_data.history(("PLTR", "2026-11-23", strike, "C"))
        assert contract.value.nearest[0] == "PLTR 261123C00101000"
    for number in (2**40, 0, -1):
        with pytest.raises(UnknownContract, match=f"nothing is known of a contract {number}$") as contract:
            plain_data.history(number)
        assert contract.value.hint == "See: collector chains list"
    with pytest.raises(UsageError, match="True names no contract"):
        plain_data.bars(True)
    with pytest.raises(UnknownSymbol) as symbol:
        plain_data.bars("NOPE")
    assert symbol.value.known == ("PLTR",)
    with pytest.raises(UsageError, match="no such column"):
        plain_data.bars("PLTR", columns=["close", "colour"])


async def test_a_hole_has_its_reason(data: Reader, chain: Chain) -> None:
    """What was not asked is told by contract, series, session and slots; what is whole is complete."""
    one, two = chain.contracts
    whole = data.history(one.id, "2026-11-20", "2026-11-20")
    assert whole.complete
    assert whole.reasons.num_rows == 0
    lacking = data.bars("PLTR", "2026-11-20", "2026-11-20")
    assert not lacking.complete
    (reason,) = lacking.reasons.to_pylist()
    assert reason == {
        "symbol": "PLTR",
        "contract_id": two.id,
        "contract_symbol": "PLTR  261123C00102000",
        "series": "BID",
        "session": FRIDAY.day,
        "start": FRIDAY.open,
        "end": FRIDAY.close,
        "slots": 78,
        "reason": "not_asked",
        "detail": "",
    }


async def test_a_contract_that_was_never_listed_is_not_selected(data: Reader, chain: Chain, database: Database) -> None:
    """Named, it misses the session for want of a selection, though nothing at all is on record of its life."""
    one = chain.contracts[0].id
    await rows(database, "DELETE FROM option_contract_lifecycle WHERE contract_id = $1 RETURNING 1", one)
    for answered in (data.history(one, "2026-11-20", "2026-11-20"), data.coverage([one], "2026-11-20", "2026-11-20")):
        assert not answered.complete
        (reason,) = answered.reasons.to_pylist()
        assert (reason["contract_id"], reason["reason"], reason["slots"]) == (one, "not_selected", 78)


_ANSWERED = """
INSERT INTO requests (
    sent_at, answered_at, run_id, instrument_id, data_set, what_to_show, span, outcome, bars, checksum
)
VALUES ($2, $2, 1, $1, 1, 'BID', tstzrange($3, $4), 'bars', 78, 5) RETURNING 1
"""


async def test_rows_that_are_gone_beside_those_of_others_are_told(
    data: Reader, chain: Chain, database: Database
) -> None:
    """A contract whose answers brought bars has lost all of a session's: it is not complete, and says so."""
    one = chain.contracts[0].id
    await rows(database, _ANSWERED, one, FRIDAY.settles_at, FRIDAY.open, FRIDAY.close)
    assert data.history(one, "2026-11-20", "2026-11-20").complete
    await rows(database, "DELETE FROM store.option_bars_5min WHERE contract_id = $1 RETURNING 1", one)
    found = data.history(one, "2026-11-20", "2026-11-20")
    (reason,) = found.reasons.to_pylist()
    assert (reason["contract_symbol"], reason["reason"], reason["slots"]) == ("PLTR  261123C00101000", "dropped", 78)
    assert not found.complete


_GAP = """
INSERT INTO historical_data_gaps (instrument_id, data_set, what_to_show, state, gap_start, gap_end, gap_type,
    detected_at, reason)
VALUES ($1, 1, 'BID', $2, $3, $4, 'missing_bars', $3, $5)
"""
_CLAIM = """
INSERT INTO negative_claims (instrument_id, data_set, what_to_show, session_date, span, state, reason)
VALUES ($1, 1, 'BID', $2, tstzrange($3, $4), $5, $6)
"""
_QUARANTINED = """
INSERT INTO quarantined_bars (instrument_id, data_set, what_to_show, time, reason, quarantined_at)
VALUES ($1, 1, 'BID', $2, 'negative_price', $2)
"""


async def test_each_cause_is_told_apart(data: Reader, chain: Chain, database: Database) -> None:
    """Lost, quarantined, awaited, held, open and never asked slots of one series are told side by side, each once."""
    two = chain.contracts[1]
    await rows(database, _GAP, two.id, "lost", slot(0), slot(10), "no data of expired contracts")
    await rows(database, _GAP, two.id, "open", slot(5), slot(60), None)
    await rows(database, _CLAIM, two.id, FRIDAY.day, slot(20), slot(30), "awaiting", "")
    await rows(database, _CLAIM, two.id, FRIDAY.day, slot(30), slot(35), "held", "the session cannot be so empty")
    await rows(database, _QUARANTINED, two.id, slot(12))
    found = data.history(two.id, "2026-11-20", "2026-11-20").reasons.to_pylist()
    told = [(row["reason"], row["start"], row["end"], row["slots"], row["detail"]) for row in found]
    assert told == [
        ("lost", slot(0), slot(10), 10, "no data of expired contracts"),
        ("open_gap", slot(10), slot(12), 2, "missing_bars"),
        ("quarantined", slot(12), slot(13), 1, "negative_price"),
        ("open_gap", slot(13), slot(20), 7, "missing_bars"),
        ("awaiting", slot(20), slot(30), 10, ""),
        ("held", slot(30), slot(35), 5, "the session cannot be so empty"),
        ("open_gap", slot(35), slot(60), 25, "missing_bars"),
        ("not_asked", slot(60), slot(78), 18, ""),
    ]


async def test_one_witness_is_no_hole(data: Reader, chain: Chain, database: Database) -> None:
    """What one witness has settled is counted by `coverage`, and misses nothing."""
    one = chain.contracts[0]
    witnessed = "UPDATE request_coverage SET single_witness = settled WHERE instrument_id = $1 AND what_to_show = 'BID'"
    await rows(database, witnessed, one.id)
    answered = data.coverage([one.id], "2026-11-20", "2026-11-20")
    assert answered.complete
    counts = {
        row["series"]: (row["expected"], row["settled"], row["single_witness"]) for row in answered.table.to_pylist()
    }
    assert counts == {"TRADES": (78, 78, 0), "BID": (78, 78, 78), "ASK": (78, 78, 0)}


async def test_a_session_that_was_never_collected_is_a_reason(plain_data: Reader) -> None:
    """Days before the first selection are told, a row a session."""
    found = plain_data.bars("PLTR", "2026-11-18", "2026-11-19")
    assert found.num_rows == 0
    assert [(row["session"], row["reason"]) for row in found.reasons.to_pylist()] == [
        (date(2026, 11, 18), "never_collected"),
        (date(2026, 11, 19), "never_collected"),
    ]


async def test_what_has_not_passed_is_not_missing_in_silence(chain: Chain, database_url: str) -> None:
    """Of a session that goes on, the slots to come are `not_over`, and those that have passed have their own reason."""
    with reader(database_url, MONDAY.open + timedelta(minutes=12)) as data:
        found = data.history(chain.contracts[0].id, "2026-11-23", "2026-11-23").reasons.to_pylist()
    passed = {(row["series"], row["reason"], row["slots"]) for row in found}
    assert passed == {(None, "not_over", 76), *((one, "not_asked", 2) for one in ("TRADES", "BID", "ASK"))}


async def test_bars_carry_the_terms_of_their_time(data: Reader, chain: Chain, database: Database) -> None:
    """Before a split a bar stands under the earlier terms, from then on under the present ones."""
    one = chain.contracts[0]
    earlier = """
    INSERT INTO earlier_contract_terms (contract_id, until, contract_symbol, expiration_date, strike_price, option_type,
        multiplier, exchange, trading_class, currency)
    SELECT id, $2, 'PLTR1 261123C00202000', expiration_date, 202, option_type, 100, exchange, trading_class, currency
    FROM option_chains WHERE id = $1
    """
    await rows(database, earlier, one.id, slot(2) + timedelta(seconds=1))
    found = data.history(one.id, slot(1), slot(4), columns=["strike_price", "occ_symbol"]).table.to_pylist()
    old = {"strike_price": 202.0, "occ_symbol": "PLTR1 261123C00202000"}
    assert found == [old, old, {"strike_price": 101.0, "occ_symbol": "PLTR 261123C00101000"}]
    assert data.history("PLTR1 261123C00202000").table.equals(data.history(one.id).table)


async def test_a_surface_is_one_slot(plain_data: Reader) -> None:
    """All contracts of the slot in which an instant lies, by expiration and strike; none outside the session."""
    found = plain_data.surface(
        "PLTR", "2026-11-20 09:33 America/New_York", columns=["strike_price", "ask_close", "time"]
    )
    assert found.table.to_pylist() == [
        {"strike_price": 101.0, "ask_close": 1.01, "time": slot(0)},
        {"strike_price": 102.0, "ask_close": 1.01, "time": slot(0)},
    ]
    assert [(row["series"], row["slots"]) for row in found.reasons.to_pylist()] == [("BID", 1)]
    with pytest.raises(UsageError, match="outside the session of PLTR"):
        plain_data.surface("PLTR", "2026-11-20 18:00 America/New_York")


async def test_an_answer_is_arrow_pandas_and_polars(plain_data: Reader) -> None:
    """The same rows as a pyarrow table, by Arrow's own protocol, as a pandas and as a polars frame."""
    found = plain_data.history("PLTR 261123C00101000", columns=["time", "close", "volume"])
    assert found.column_names == ["time", "close", "volume"]
    assert pa.table(found).equals(found.table)
    assert found.to_pandas()["close"].tolist()[:1] == [1.25]
    assert found.to_polars()["volume"].to_list()[:6] == [10, 0, 0, 0, 7, 0]


async def test_a_closed_reader_says_so(plain_data: Reader) -> None:
    """What comes after the end is told; rows that came before stay."""
    found = plain_data.bars("PLTR")
    plain_data.close()
    plain_data.close()
    assert found.num_rows > 0
    with pytest.raises(UsageError, match="the reader is closed"):
        _ = found.reasons


async def test_it_only_reads(data: Reader) -> None:
    """The server itself refuses a write of this session."""
    connection = data._server._connection
    assert connection is not None
    with pytest.raises(adbc_driver_manager.Error, match="read-only"), connection.cursor() as cursor:
        cursor.execute("DELETE FROM requests")


async def test_a_lost_connection_is_told_and_made_anew(data: Reader, database: Database) -> None:
    """Whoever asks while it is lost is told; afterwards the open reader answers, and still only reads."""
    expected = data.bars("PLTR").table
    lost = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = 'collector research' AND datname = current_database()
    """
    await rows(database, lost)
    with pytest.raises(DatabaseUnavailable, match="connection to the database was lost"):
        data.bars("PLTR")
    assert data.bars("PLTR").table.equals(expected)
    await test_it_only_reads(data)


async def test_the_servers_refusals_are_named(data: Reader, database: Database) -> None:
    """What the driver tells is the collector's own error with a hint, and without the driver's words around it."""
    async with database._connection() as connection:
        await connection.execute("ALTER TABLE request_coverage RENAME COLUMN settled TO final")
    with pytest.raises(DatabaseError) as refused:
        _ = data.bars("PLTR").reasons
    assert refused.value.hint == "run `collector db upgrade`"
    assert refused.value.message.startswith("the database lacks a column of the collector: column")
    assert "libpq" not in refused.value.message
    assert "SELECT" not in refused.value.message


def test_a_database_that_is_away_is_told() -> None:
    """Nobody listens, or no such database: named, with what to do."""
    with pytest.raises(DatabaseUnavailable, match="no database server listens there"):
        research.open("postgresql://nobody@127.0.0.1:1/nothing")


def test_an_older_schema_is_told(plain_engine: Engine, engine_matrix: Matrix) -> None:
    """A database without our tables is no silent absence of bars."""
    for url in engine_matrix.create(plain_engine, "template0"):
        with pytest.raises(DatabaseError, match="holds no tables of the collector") as told:
            research.open(url)
    assert told.value.hint == "run: collector db upgrade"


async def test_open_works_while_a_loop_runs(plain_data: Reader, plain_database_url: str) -> None:
    """As in a notebook: everything blocks, and the running loop does not matter."""
    with research.open(plain_database_url) as data:
        assert data.bars("PLTR").table.equals(plain_data.bars("PLTR").table)


async def test_every_statement_prepares(database: Database) -> None:
    """The server accepts each statement for readers."""
    names = {path.stem for path in (resource("sql") / "readers").glob("*.sql")} - {"archived_bars"}  # which is DuckDB's
    assert len(names) > 20
    async with database._connection() as connection:
        for name in sorted(names):
            text = research_database.text(name).replace("{columns}", "time")
            await connection.prepare(filled(text, UNDERLYING_BARS_5MIN), name=name)
