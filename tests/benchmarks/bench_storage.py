"""Bytes a bar: ordinary table, compressed hypertable and Parquet, on sparse, quoted and dense sessions.

`python -m tests.benchmarks.bench_storage`. The same rows everywhere: all columns of the table contract, Greeks and
metadata included. Parquet is the reference: the decimals as scaled whole numbers, delta encoding, zstd level 3, one
file a session, sorted as the hypertable is. COLLECTOR_TEST_DSN measures another server.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path

import asyncpg
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from collector.db.schema import features, migrate
from collector.db.schema.tables import stored_option_bars_5min
from tests.benchmarks.market_days import (
    COLUMNS,
    DATA_SETS,
    NULL,
    Rows,
    as_data_set,
    copy_text,
    quoted_session,
    session_days,
)
from tests.support import engines

PACKED = tuple(column.name for column in stored_option_bars_5min.columns)
"""As the store has them."""

_STORE = """
INSERT INTO store.option_bars_5min
SELECT stored.* FROM staged AS bar, LATERAL store.whole(ROW(bar.*)::option_bars_5min) AS stored;
TRUNCATE staged
"""
_COMPRESSED = """
SELECT format('%I.%I', packed.schema_name, packed.table_name)
FROM _timescaledb_catalog.chunk AS c
INNER JOIN _timescaledb_catalog.hypertable AS h
    ON h.id = c.hypertable_id AND h.schema_name = 'store' AND h.table_name = 'option_bars_5min'
INNER JOIN _timescaledb_catalog.chunk AS packed ON packed.id = c.compressed_chunk_id
"""
_RAW = "SELECT sum(pg_total_relation_size(c))::float8 FROM show_chunks('store.option_bars_5min') AS c"


def say(*words: object) -> None:
    """Print one line at once."""
    print(*words, flush=True)  # noqa: T201 - a benchmark prints


def parquet_bytes(sessions: list[Rows]) -> tuple[float, dict[str, float]]:
    """Return the size of the sessions as Parquet files, and the share of each column in it, in bytes."""
    total, columns = 0.0, dict.fromkeys(COLUMNS, 0.0)
    with tempfile.TemporaryDirectory() as folder:
        for rows in sessions:
            arrays = []
            for name, values in rows.columns.items():
                smaller = (
                    values if name in ("time", "created_at", "updated_at") else np.clip(values, -(2**31), 2**31 - 1)
                )
                kind = pa.int64() if smaller is values else pa.int32()
                arrays.append(pa.array(smaller, type=kind, mask=values == NULL))
            path = Path(folder) / f"{rows.day}.parquet"
            encoding = dict.fromkeys(columns, "DELTA_BINARY_PACKED")
            pq.write_table(
                pa.table(arrays, names=list(columns)),
                path,
                compression="zstd",
                compression_level=3,
                use_dictionary=False,
                column_encoding=encoding,
            )
            total += path.stat().st_size
            meta = pq.ParquetFile(path).metadata
            for group in range(meta.num_row_groups):
                for at, name in enumerate(columns):
                    columns[name] += meta.row_group(group).column(at).total_compressed_size
    return total, columns


async def load(url: str, sessions: list[Rows]) -> None:
    """Store sessions by COPY of their decimals."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("CREATE TEMPORARY TABLE staged AS SELECT * FROM option_bars_5min WITH NO DATA")
        for rows in sessions:
            for text in copy_text(rows):
                await connection.copy_to_table("staged", source=_stream(text), columns=list(COLUMNS), format="text")
            await connection.execute(_STORE)
    finally:
        await connection.close()


async def _stream(text: bytes) -> AsyncIterator[bytes]:
    yield text


async def measure(engine: engines.Engine, data_set: str, sessions: list[Rows]) -> tuple[float, float, dict[str, float]]:
    """Return (raw, compressed, compressed by column) in bytes; without compression the second is 0."""
    url = engine.database(f"bench_{data_set}")
    connection = await asyncpg.connect(engine.url)
    await connection.execute(f"DROP DATABASE IF EXISTS bench_{data_set}")
    await connection.execute(f"CREATE DATABASE bench_{data_set}")
    await connection.close()
    await migrate.upgrade(url)
    await features.apply(url)
    await load(url, sessions)
    connection = await asyncpg.connect(url)
    try:
        if engine.name == "plain":
            return await connection.fetchval("SELECT pg_total_relation_size('store.option_bars_5min')::float8"), 0.0, {}
        raw = await connection.fetchval(_RAW)
        columns: dict[str, float] = {}
        packed = 0.0
        if engine.name == "community":
            await connection.execute("SELECT compress_chunk(c) FROM show_chunks('store.option_bars_5min') AS c")
            packed = await connection.fetchval(_RAW)
            for [chunk] in await connection.fetch(_COMPRESSED):
                packed += await connection.fetchval(f"SELECT pg_total_relation_size('{chunk}')::float8")
                sizes = ", ".join(f"sum(pg_column_size({name}))::float8 AS {name}" for name in PACKED)
                row = await connection.fetchrow(f"SELECT {sizes} FROM {chunk}")  # noqa: S608 - names of columns
                for name, size in row.items():
                    columns[name] = columns.get(name, 0.0) + (size or 0.0)
        return raw, packed, columns
    finally:
        await connection.close()


_REQUESTS = """
INSERT INTO requests (sent_at, answered_at, run_id, login, instrument_id, what_to_show, span, outcome, message, bars,
    first_bar, negatives)
SELECT sent, sent + latency, 1, 'trader', n, what, session, CASE WHEN empty THEN 'no_data' ELSE 'bars' END,
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


async def requests_share(engine: engines.Engine, days: list[date], contracts: int) -> float:
    """Return the bytes that the record of the sessions' requests takes, compressed where the engine can."""
    connection = await asyncpg.connect(engine.database("bench_quoted"))
    try:
        await connection.execute(_REQUESTS, contracts, days)
        if engine.name != "community":
            return float(await connection.fetchval("SELECT pg_total_relation_size('requests')::float8"))
        await connection.execute("SELECT compress_chunk(c) FROM show_chunks('requests') AS c")
        size = await connection.fetchval(_RAW.replace("store.option_bars_5min", "requests"))
        requests = _COMPRESSED.replace("option_bars_5min", "requests").replace("'store'", "'public'")
        for [chunk] in await connection.fetch(requests):
            size += await connection.fetchval(f"SELECT pg_total_relation_size('{chunk}')::float8")
        return float(size)
    finally:
        await connection.close()


def main() -> int:
    """Print the tables; 1 when compression misses its targets (docs/storage.md)."""
    parser = argparse.ArgumentParser(description="bytes a bar")
    parser.add_argument("--sessions", type=int, default=2)
    parser.add_argument("--contracts", type=int, default=4592)
    arguments = parser.parse_args()
    days = session_days(arguments.sessions, date(2026, 11, 19))
    say(f"{arguments.contracts} contracts, {arguments.sessions} sessions of the simulated market; bytes a bar")
    quoted = [quoted_session(day, arguments.contracts) for day in days]
    missed = False
    with ExitStack() as stack:
        found = {name: engines.find(name, stack) for name in ("plain", "community")}
        say(*(f"{engine.title};" for engine in found.values()))
        heads = {
            "rows": 10,
            "plain": 8,
            "raw": 8,
            "packed": 8,
            "ratio": 7,
            "Parquet": 9,
            "factor": 8,
        }
        say(" " * 8 + "".join(f"{head:>{width}}" for head, width in heads.items()))
        details = {}
        for data_set in DATA_SETS:
            sessions = [as_data_set(rows, data_set) for rows in quoted]
            count = sum(map(len, sessions))
            parquet, by_column = parquet_bytes(sessions)
            plain, _, _ = asyncio.run(measure(found["plain"], data_set, sessions))
            raw, packed, columns = asyncio.run(measure(found["community"], data_set, sessions))
            wanted = {"sparse": 3.5, "dense": 6.0}.get(data_set, 0.0)
            missed |= packed > 2 * parquet or raw / packed < wanted
            say(
                f"{data_set:8}{count:>10}{plain / count:>8.1f}{raw / count:>8.1f}{packed / count:>8.1f}"
                f"{raw / packed:>7.1f}{parquet / count:>9.1f}{packed / parquet:>8.2f}"
            )
            if data_set == "quoted":
                for engine, stored, most in ((found["plain"], plain, 0.05), (found["community"], packed, 0.08)):
                    asked = asyncio.run(requests_share(engine, days, arguments.contracts))
                    per_request = asked / (3 * arguments.contracts * len(days))
                    share = asked / (asked + stored)
                    missed |= share > most
                    say(f"requests, {engine.name}: {per_request:.1f} bytes each, {share:.1%} of the database")
            details[data_set] = {
                name: (columns.get(name, 0.0) / count, by_column.get(name, 0.0) / count) for name in (*PACKED, *COLUMNS)
            }
        say(f"\n{'bytes a bar by column':24}" + "".join(f"{name + ' packed':>16}{'Parquet':>10}" for name in DATA_SETS))
        for name in dict.fromkeys((*PACKED, *COLUMNS)):
            say(f"{name:24}" + "".join(f"{details[s][name][0]:>16.2f}{details[s][name][1]:>10.2f}" for s in DATA_SETS))
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
