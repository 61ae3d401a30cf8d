"""The archive's files beside the database: value by value, through every reader, and the way back."""

import io
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import duckdb
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest

from collector.archive import bar_files, bar_schemas
from collector.archive.file_facts import SessionVerdicts
from collector.domain.market_data.data_sets import DATA_SETS, OPTION_BARS_5MIN, DataSet, InstrumentKind
from tests.support.archived_bars import line, session

Rows: TypeAlias = "list[tuple[Any, ...]]"

DAY = date(2026, 11, 25)
MOST, LEAST = 2**31 - 1, -(2**31)
GREEKS = ("implied_volatility", "delta", "theta", "vega", "rho", "gamma")
OPTIONS: list[dict[str, Any]] = [
    {"open": 10_000_000, "up": 0, "down": 9_999_999, "close": 10_000_000, "vwap_off": -999_999_999, "volume": MOST},
    {"unit": 1, "open": MOST, "up": 0, "down": MOST - 1, "close": MOST, "vwap_off": 0, "bar_count": MOST, "volume": 0},
    {"unit": 1, **{f"{side}{part}": n for side in ("bid_", "ask_") for n, part in enumerate(("open", "up", "close"))}},
    {"bid_open": 0, "bid_up": 0, "bid_down": 0, "bid_close": 0, "ask_close": 21_474_836},
    {"bid_close": 0, "ask_close": 1, "has_gaps": True, "flags": MOST},
    dict.fromkeys(GREEKS, MOST),
    dict.fromkeys(GREEKS, LEAST),
    {"greeks_version": 2**15 - 1, "greeks_reason": -(2**15), "open_interest": MOST, "collection_run_id": MOST},
    {"created_at": datetime(1970, 1, 1, tzinfo=UTC), "updated_at": datetime(9999, 12, 30, 23, 59, 59, 999_999, UTC)},
]
DEAR, DOWN = 10**13, 10**13 - 1
UNDERLYINGS: list[dict[str, Any]] = [
    {"open": DEAR, "up": DEAR, "down": DOWN, "close": DEAR, "vwap_off": -DOWN, "volume": 9 * 10**18, "bar_count": MOST},
    {"open": 1, "up": 0, "down": 0, "close": 1, "vwap_off": None, "volume": 1, "bar_count": 0},
    {"flags": MOST, "has_gaps": True, "collection_run_id": MOST},
]


def text_of(data_set: DataSet) -> bytes:
    """Return a session of usual rows and of extremes, as CSV of the store."""
    start = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)
    if data_set.kind is InstrumentKind.OPTION:
        times = (start + n * data_set.bar_size for n in range(len(OPTIONS)))
        rare = (line(data_set, time=at, contract_id=99, **row) for at, row in zip(times, OPTIONS, strict=True))
        return b"".join((session(DAY, [7, 8, 9], 40), *rare))
    second = {bar_schemas.second_column(data_set): DEAR if data_set.name.endswith("1day") else MOST}
    rows = [*UNDERLYINGS, second]
    # Of daily bars one a session, here a second's distance: what is compared are the values.
    return b"".join(line(data_set, time=start.replace(second=n), underlying_id=3, **row) for n, row in enumerate(rows))


def by_pyarrow(path: Path) -> Rows:
    """Read a file with pyarrow."""
    return [tuple(row.values()) for row in pq.read_table(path).to_pylist()]


def by_duckdb(path: Path) -> Rows:
    """Read a file with DuckDB."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.sql("FROM read_parquet($path)", params={"path": str(path)}).to_arrow_table()
        return [tuple(row.values()) for row in found.to_pylist()]


def by_polars(path: Path) -> Rows:
    """Read a file with polars."""
    return pl.read_parquet(path, hive_partitioning=False).rows()


def by_pandas(path: Path) -> Rows:
    """Read a file with pandas."""
    frame = pd.read_parquet(path, dtype_backend="pyarrow").astype(object)
    return [tuple(None if value is pd.NA else value for value in row) for row in frame.itertuples(index=False)]


async def put(connection: "asyncpg.Connection[Any]", data_set: DataSet, table: str, text: bytes) -> None:
    """Copy CSV of the store into a table."""
    schema, _, name = table.rpartition(".")
    await connection.copy_to_table(
        name,
        schema_name=schema or None,
        source=io.BytesIO(text),
        columns=list(bar_schemas.stored_columns(data_set)),
        format="csv",
    )


@pytest.fixture
async def connection(database_url: str) -> "AsyncIterator[asyncpg.Connection[Any]]":
    """Give a connection whose zone is not UTC."""
    opened = await asyncpg.connect(database_url)
    await opened.execute("SET TimeZone = 'Asia/Kolkata'")
    yield opened
    await opened.close()


@pytest.mark.parametrize("data_set", DATA_SETS, ids=lambda one: one.name)
async def test_every_reader_finds_the_database_s_values(
    data_set: DataSet, connection: "asyncpg.Connection[Any]", tmp_path: Path
) -> None:
    """What the view shows comes out of a file through pyarrow, DuckDB, polars and pandas, and goes back into the store.

    Extremes of every column and NULLs are among the values.
    """
    table = f"store.{data_set.name}"
    await put(connection, data_set, table, text_of(data_set))
    key = bar_schemas.key(data_set)
    copied = io.BytesIO()
    names = ", ".join(bar_schemas.stored_columns(data_set))
    await connection.copy_from_query(
        f"SELECT {names} FROM {table} ORDER BY {key}, time",  # noqa: S608 - names of columns
        output=copied,
        format="csv",
    )
    path = tmp_path / "bars.parquet"
    facts = bar_files.write(
        path, data_set, "SPY", bar_schemas.tables(data_set, copied.getvalue()), {DAY: SessionVerdicts(True)}
    )

    shown = ", ".join(bar_schemas.schema(data_set).names)
    view = f"SELECT {shown} FROM {data_set.name} ORDER BY {key}, time"  # noqa: S608 - names of columns
    expected = [tuple(row.values()) for row in await connection.fetch(view)]
    assert facts.rows == len(expected) > 3
    readers: tuple[Callable[[Path], Rows], ...] = (by_pyarrow, by_duckdb, by_polars, by_pandas)
    for read in readers:
        assert read(path) == expected, read

    await connection.execute(f"CREATE TEMPORARY TABLE restored (LIKE {table})")
    for text in bar_schemas.stored_text(data_set, pq.read_table(path)):
        await put(connection, data_set, "restored", text)
    for one, other in ((table, "restored"), ("restored", table)):
        lost = await connection.fetch(f"SELECT * FROM {one} EXCEPT SELECT * FROM {other}")  # noqa: S608 - of tables
        assert lost == []


async def test_columns_are_those_of_the_store(connection: "asyncpg.Connection[Any]") -> None:
    """The columns that are copied are all that the tables have, and a file has all that the view does not derive."""
    statement = "SELECT column_name FROM information_schema.columns WHERE table_schema = $1 AND table_name = $2"
    for data_set in DATA_SETS:
        stored = {name for (name,) in await connection.fetch(statement, "store", data_set.name)}
        shown = {name for (name,) in await connection.fetch(statement, "public", data_set.name)}
        assert set(bar_schemas.stored_columns(data_set)) == stored
        derived = {"spread_close", "mid_close", "data_source"} if data_set is OPTION_BARS_5MIN else set()
        assert set(bar_schemas.schema(data_set).names) == shown - derived
