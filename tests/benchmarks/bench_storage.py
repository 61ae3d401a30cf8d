"""Bytes a bar: ordinary table, compressed hypertable, Parquet and decimals, on quoted, sparse and dense sessions.

`python -m tests.benchmarks.bench_storage`. The same rows everywhere, Greeks and metadata included. "store" is the table
of whole numbers as `collector db upgrade` makes it; "decimals" the table of numeric columns that was there before, with
its generated spread and middle, in the same server; Parquet has the store's columns (delta encoding, zstd level 3, one
file a session, sorted alike). "dictionary" is the store with its wicks in a domain, which TimescaleDB packs by
dictionary. COLLECTOR_TEST_DSN measures another server.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TypeAlias

import asyncpg
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from collector.db.schema import features, migrate
from tests.benchmarks.market_days import (
    COLUMNS,
    DATA_SETS,
    INSTANTS,
    NULL,
    PRICES,
    STORED,
    Rows,
    as_data_set,
    as_stored,
    copy_text,
    quoted_session,
    session_days,
)
from tests.support import engines

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

STORE = "store.option_bars_5min"
DECIMALS = "decimal_bars"
DICTIONARY = "dictionary_bars"
MOST_BYTES = {"quoted": 17.0, "sparse": 31.5, "dense": 22.5}
MOST_OF_PARQUET = {"quoted": 1.40, "sparse": 1.55, "dense": 1.35}
_GENERATED = ("spread_close", "mid_close")
_WICKS = ("up", "down", "bid_up", "bid_down", "ask_up", "ask_down")

_COMPRESSED = """
SELECT format('%I.%I', packed.schema_name, packed.table_name)
FROM _timescaledb_catalog.chunk AS c
INNER JOIN _timescaledb_catalog.hypertable AS h ON h.id = c.hypertable_id
INNER JOIN _timescaledb_catalog.chunk AS packed ON packed.id = c.compressed_chunk_id
WHERE format('%I.%I', h.schema_name, h.table_name)::regclass = $1::text::regclass
"""
_RAW = "SELECT sum(pg_total_relation_size(c))::float8 FROM show_chunks($1::text::regclass) AS c"


def say(*words: object) -> None:
    """Print one line at once."""
    print(*words, flush=True)  # noqa: T201 - a benchmark prints


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes of a table: as written, compressed (0 where nothing compresses), compressed by column."""

    raw: float
    packed: float = 0.0
    columns: "dict[str, float] | None" = None


def parquet_bytes(sessions: Sequence[Rows]) -> tuple[float, dict[str, float]]:
    """Return the size of stored sessions as Parquet files, and the share of each column in it, in bytes."""
    total, columns = 0.0, dict.fromkeys(STORED, 0.0)
    with tempfile.TemporaryDirectory() as folder:
        for rows in sessions:
            arrays = []
            for name, values in rows.columns.items():
                kind = pa.int64() if name in INSTANTS else pa.int32()
                shown = values if name in INSTANTS else np.where(values == NULL, 0, values)
                arrays.append(pa.array(shown, type=kind, mask=values == NULL))
            path = Path(folder) / f"{rows.day}.parquet"
            pq.write_table(
                pa.table(arrays, names=list(columns)),
                path,
                compression="zstd",
                compression_level=3,
                use_dictionary=False,
                column_encoding=dict.fromkeys(columns, "DELTA_BINARY_PACKED"),
            )
            total += path.stat().st_size
            meta = pq.ParquetFile(path).metadata
            for group in range(meta.num_row_groups):
                for at, name in enumerate(columns):
                    columns[name] += meta.row_group(group).column(at).total_compressed_size
    return total, columns


async def create(engine: engines.Engine, database: str) -> str:
    """Make a database anew with everything that the engine has, and return its URL."""
    connection = await asyncpg.connect(engine.url)
    await connection.execute(f"DROP DATABASE IF EXISTS {database}")
    await connection.execute(f"CREATE DATABASE {database}")
    await connection.close()
    await migrate.upgrade(engine.database(database))
    await features.apply(engine.database(database))
    return engine.database(database)


async def create_decimals(connection: Connection, *, hypertable: bool) -> None:
    """Make the table of decimals that was there before the store, with its settings of compression."""
    numeric = "numeric(14, 4)"
    kinds = dict.fromkeys(PRICES, numeric) | {
        "time": "timestamptz NOT NULL",
        "contract_id": "integer NOT NULL",
        "volume": "bigint",
        "gamma": "numeric(12, 6)",
        **dict.fromkeys(("implied_volatility", "delta", "theta", "vega", "rho"), "numeric(12, 4)"),
        **dict.fromkeys(("bar_count", "open_interest", "collection_run_id"), "integer"),
        "flags": "integer NOT NULL DEFAULT 0",
        "greeks_version": "smallint",
        "data_source": "text NOT NULL",
        "has_gaps": "boolean NOT NULL",
        **dict.fromkeys(("created_at", "updated_at"), "timestamptz NOT NULL DEFAULT now()"),
    }
    await connection.execute(
        f"CREATE TABLE {DECIMALS} ({', '.join(f'{name} {kinds[name]}' for name in COLUMNS)},"
        f" spread_close {numeric} GENERATED ALWAYS AS (ask_close - bid_close) STORED,"
        f" mid_close {numeric} GENERATED ALWAYS AS ((bid_close + ask_close) / 2) STORED,"
        " PRIMARY KEY (contract_id, time))"
    )
    if hypertable:
        await _hypertable(connection, DECIMALS)


async def _hypertable(connection: Connection, table: str) -> None:
    await connection.execute(
        f"SELECT create_hypertable('{table}', by_range('time', INTERVAL '1 day'), create_default_indexes => false)"
    )
    await connection.execute(
        f"ALTER TABLE {table} SET (timescaledb.enable_columnstore, timescaledb.segmentby = '',"
        " timescaledb.orderby = 'contract_id, time')"
    )
    await connection.execute(f"ALTER TABLE {table} SET (timescaledb.index = 'minmax(collection_run_id)')")


async def create_dictionary(connection: Connection) -> None:
    """Make a copy of the store whose wicks are of a domain: TimescaleDB packs by dictionary what is no integer."""
    await connection.execute("CREATE DOMAIN wick AS integer")
    await connection.execute(f"CREATE TABLE {DICTIONARY} (LIKE {STORE} INCLUDING DEFAULTS INCLUDING INDEXES)")
    for name in _WICKS:
        await connection.execute(f"ALTER TABLE {DICTIONARY} ALTER COLUMN {name} TYPE wick")
    await _hypertable(connection, DICTIONARY)


async def load(connection: Connection, table: str, sessions: Sequence[Rows], columns: Sequence[str] = STORED) -> None:
    """Store sessions by COPY."""
    schema, _, name = table.rpartition(".")
    for rows in sessions:
        for text in copy_text(rows, columns):
            await connection.copy_to_table(
                name, schema_name=schema or None, source=_stream(text), columns=list(columns), format="text"
            )


async def _stream(text: bytes) -> AsyncIterator[bytes]:
    yield text


async def packed_size(connection: Connection, table: str, *, compresses: bool) -> Size:
    """Compress all of a hypertable, and return its size before and after."""
    raw = await connection.fetchval(_RAW, table)
    if not compresses:
        return Size(raw)
    await connection.fetch("SELECT compress_chunk(c) FROM show_chunks($1::text::regclass) AS c", table)
    packed, columns = await connection.fetchval(_RAW, table), dict[str, float]()
    names = STORED if table != DECIMALS else (*COLUMNS, *_GENERATED)
    for [chunk] in await connection.fetch(_COMPRESSED, table):
        packed += await connection.fetchval(f"SELECT pg_total_relation_size('{chunk}')::float8")
        sizes = ", ".join(f"sum(pg_column_size({name}))::float8 AS {name}" for name in names)
        row = await connection.fetchrow(f"SELECT {sizes} FROM {chunk}")  # noqa: S608 - names of columns
        for name, size in row.items():
            columns[name] = columns.get(name, 0.0) + (size or 0.0)
    return Size(raw, packed, columns)


async def measure(engine: engines.Engine, data_set: str, sessions: Sequence[Rows]) -> dict[str, Size]:
    """Return the sizes of the same rows by table, on an engine."""
    connection = await asyncpg.connect(await create(engine, f"bench_{data_set}"))
    stored = [as_stored(rows) for rows in sessions]
    try:
        await load(connection, STORE, stored)
        if engine.name == "plain":
            return {STORE: Size(await connection.fetchval("SELECT pg_total_relation_size($1)::float8", STORE))}
        compresses = engine.name == "community"
        found = {STORE: await packed_size(connection, STORE, compresses=compresses)}
        if compresses:
            await create_dictionary(connection)
            await load(connection, DICTIONARY, stored)
            found[DICTIONARY] = await packed_size(connection, DICTIONARY, compresses=True)
            await create_decimals(connection, hypertable=True)
            await load(connection, DECIMALS, sessions, COLUMNS)
            await connection.execute("SET timescaledb.compression_batch_size_limit = 1000")
            found[DECIMALS] = await packed_size(connection, DECIMALS, compresses=True)
        return found
    finally:
        await connection.close()


_REQUESTS = """
INSERT INTO requests (sent_at, answered_at, run_id, login, instrument_id, data_set, what_to_show, span, outcome,
    message, bars, first_bar, negatives)
SELECT sent, sent + latency, 1, 'trader', n, 1, what, session, CASE WHEN empty THEN 'no_data' ELSE 'bars' END,
    CASE WHEN empty THEN 'no data' END, CASE WHEN empty THEN 0 ELSE 78 END,
    CASE WHEN NOT empty THEN lower(session) END, CASE WHEN empty THEN tstzmultirange(session) END
FROM unnest($2::date[]) AS day,
    generate_series(1, $1::integer) AS n,
    unnest('{TRADES,BID,ASK}'::text[]) WITH ORDINALITY AS series (what, place),
    LATERAL (SELECT tstzrange(day + TIME '14:30Z', day + TIME '21:00Z') AS session) AS asked,
    LATERAL (
        SELECT
            day + TIME '21:46Z' + (n * 3 + place) * INTERVAL '0.31 s' + random() * INTERVAL '0.2 s' AS sent,
            INTERVAL '0.2 s' + random() * INTERVAL '2 s' AS latency,
            what = 'TRADES' AND random() < 0.35 AS empty
    ) AS drawn
"""
"""As a night has them: three series a contract, every third TRADES series empty."""


async def requests_size(engine: engines.Engine, days: Sequence[date], contracts: int) -> float:
    """Return the bytes that the record of the sessions' requests takes, compressed where the engine can."""
    connection = await asyncpg.connect(engine.database("bench_quoted"))
    try:
        await connection.execute(_REQUESTS, contracts, days)
        if engine.name != "community":
            return float(await connection.fetchval("SELECT pg_total_relation_size('requests')::float8"))
        await connection.execute("SELECT compress_chunk(c) FROM show_chunks('requests') AS c")
        size = await connection.fetchval(_RAW, "requests")
        for [chunk] in await connection.fetch(_COMPRESSED, "requests"):
            size += await connection.fetchval(f"SELECT pg_total_relation_size('{chunk}')::float8")
        return float(size)
    finally:
        await connection.close()


_HEADS = {
    "rows": 10, "plain": 8, "raw": 8, "packed": 8, "ratio": 7, "Parquet": 9, "factor": 8, "dictionary": 12,
    "decimals raw": 14, "packed ": 8,
}  # fmt: skip


def main() -> int:
    """Print the tables; 1 when compression misses its aims (docs/storage.md)."""
    parser = argparse.ArgumentParser(description="bytes a bar")
    parser.add_argument("--sessions", type=int, default=2)
    parser.add_argument("--contracts", type=int, default=4592)
    arguments = parser.parse_args()
    days = session_days(arguments.sessions, date(2026, 11, 19))
    say(f"{arguments.contracts} contracts, {arguments.sessions} sessions of the simulated market; bytes a bar")
    quoted = [quoted_session(day, arguments.contracts) for day in days]
    missed = False
    with ExitStack() as stack:
        plain, community = (engines.find(name, stack) for name in ("plain", "community"))
        say(f"{plain.title}; {community.title}")
        say(" " * 8 + "".join(f"{head:>{width}}" for head, width in _HEADS.items()))
        details = {}
        for data_set in DATA_SETS:
            sessions = [as_data_set(rows, data_set) for rows in quoted]
            count = sum(map(len, sessions))
            parquet, by_column = parquet_bytes([as_stored(rows) for rows in sessions])
            ordinary = asyncio.run(measure(plain, data_set, sessions))[STORE]
            found = asyncio.run(measure(community, data_set, sessions))
            store, before = found[STORE], found[DECIMALS]
            factor = store.packed / parquet
            missed |= store.packed / count > MOST_BYTES[data_set] or factor > MOST_OF_PARQUET[data_set]
            say(
                f"{data_set:8}{count:>10}{ordinary.raw / count:>8.1f}{store.raw / count:>8.1f}"
                f"{store.packed / count:>8.1f}{store.raw / store.packed:>7.1f}{parquet / count:>9.1f}{factor:>8.2f}"
                f"{found[DICTIONARY].packed / count:>12.1f}{before.raw / count:>14.1f}{before.packed / count:>8.1f}"
            )
            if data_set == "quoted":
                # Beside the decimals, so that a smaller store does not make the record look larger.
                for engine, bars, most in ((plain, ordinary.raw, 0.05), (community, before.packed, 0.08)):
                    asked = asyncio.run(requests_size(engine, days, arguments.contracts))
                    per_request = asked / (3 * arguments.contracts * len(days))
                    share = asked / (asked + bars)
                    missed |= share > most
                    say(f"requests, {engine.name}: {per_request:.1f} bytes each, {share:.1%} of them and the bars")
            columns = store.columns or {}
            details[data_set] = {name: (columns[name] / count, by_column[name] / count) for name in STORED}
        say(f"\n{'bytes a bar by column':24}" + "".join(f"{name + ' packed':>16}{'Parquet':>10}" for name in DATA_SETS))
        for name in STORED:
            say(f"{name:24}" + "".join(f"{details[s][name][0]:>16.2f}{details[s][name][1]:>10.2f}" for s in DATA_SETS))
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
