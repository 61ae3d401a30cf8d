"""Time to find all gaps of 10,000 contracts × 250 sessions (2.5 million contract-sessions), with 25,000 holes.

`python -m tests.benchmarks.bench_gaps`, on the plain engine: coverage lives in ordinary tables everywhere.
"""

import asyncio
import statistics
import sys
import time
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta

import asyncpg

from collector.clock import SystemClock
from collector.db.connection import pool
from collector.db.schema import features, migrate
from tests.benchmarks.bench_storage import say
from tests.benchmarks.market_days import session_days
from tests.support import engines

_CONTRACTS = 10_000
_SESSIONS = 250
_HOLES = 25_000
LIMIT_MS = 1_000.0
"""For all sessions."""

_FILL = """
WITH underlying AS (
    INSERT INTO underlying_securities (symbol, ib_con_id, sec_type, exchange, currency)
    VALUES ('SPY', 756733, 'STK', 'SMART', 'USD') RETURNING id
),
contract AS (
    INSERT INTO option_chains (underlying_id, contract_symbol, expiration_date, strike_price, option_type, ib_con_id,
        multiplier, exchange, trading_class, currency)
    SELECT id, n::text, '2099-12-18', n, 'C', n, 100, 'SMART', 'SPY', 'USD'
    FROM underlying, generate_series(1, $1::int) AS n
    RETURNING id
)
INSERT INTO option_contract_lifecycle (contract_id, first_seen, listed_since, last_seen, selected)
SELECT id, $2::date, $2::date, $3::date, datemultirange(daterange($2::date, $3::date, '[]')) FROM contract
"""
_COVER = """
INSERT INTO request_coverage (contract_id, what_to_show, covered, settled)
SELECT c.id, 'TRADES', whole.spans, whole.spans - holes.spans
FROM option_chains AS c,
    (
        SELECT range_agg(tstzrange(opens, closes)) AS spans
        FROM unnest($1::timestamptz[], $2::timestamptz[]) AS s (opens, closes)
    ) AS whole,
    LATERAL (
        SELECT coalesce(range_agg(tstzrange(opens, opens + INTERVAL '1 hour')), '{}') AS spans
        FROM unnest($1::timestamptz[]) WITH ORDINALITY AS s (opens, n)
        WHERE (c.id * 7919 + s.n * 104729) % ($3::int * cardinality($1::timestamptz[]) / $4::int) = 0
    ) AS holes
"""


async def _run(engine: engines.Engine) -> bool:
    """Print the times; return whether all sessions took longer than the limit."""
    slow = False
    url = engine.database("bench_gaps")
    connection = await asyncpg.connect(engine.url)
    await connection.execute("DROP DATABASE IF EXISTS bench_gaps")
    await connection.execute("CREATE DATABASE bench_gaps")
    await connection.close()
    await migrate.upgrade(url)
    await features.apply(url)
    days = session_days(_SESSIONS, date(2026, 11, 19))
    opens = [datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=14, minutes=30) for day in days]
    closes = [at + timedelta(hours=6, minutes=45) for at in opens]
    connection = await asyncpg.connect(url)
    await connection.execute(_FILL, _CONTRACTS, days[0], days[-1])
    await connection.execute(_COVER, opens, closes, _CONTRACTS, _HOLES)
    await connection.execute("VACUUM ANALYZE")
    size = await connection.fetchval("SELECT pg_total_relation_size('request_coverage') / 1e6")
    row = await connection.fetchval(
        "SELECT avg(pg_column_size(covered) + pg_column_size(settled)) FROM request_coverage"
    )
    say(f"{row:.0f} bytes a series for what is covered and settled of {_SESSIONS} sessions")
    await connection.close()
    async with pool.connect(url, SystemClock(), size=1) as database:
        for label, count in (("all sessions", _SESSIONS), ("last 5 sessions", 5)):
            arguments = (1, days[-count:], opens[-count:], closes[-count:], ["TRADES"], "not_settled", None)
            took, found = [], 0
            for _ in range(5):
                began = time.perf_counter()
                rows = await database.fetch("missing_contract_slots", *arguments)
                took.append((time.perf_counter() - began) * 1000)
                found = sum(len(row["missing"]) for row in rows)
            slow |= statistics.median(took) > LIMIT_MS
            say(f"{label:18}{statistics.median(took):>8.0f} ms{found:>9} gaps   coverage {size:.1f} MB")
    return slow


def main() -> int:
    """Print the times; 1 when the search of all sessions takes too long."""
    with ExitStack() as stack:
        engine = engines.find("plain", stack)
        say(f"{_CONTRACTS} contracts × {_SESSIONS} sessions, one series, on {engine.title}")
        slow = asyncio.run(_run(engine))
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
