"""Times of a scrape: 60 sessions of 4,600 contracts, 15,000 requests each.

`python -m tests.benchmarks.bench_metrics`: what a scrape every 15 seconds costs: the first one, one for which nothing
has changed, one while a run is at work, one after five minutes, one after a run has begun or ended. In milliseconds;
medians of seven.
"""

import statistics
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
from pydantic import SecretStr

from collector.app import metrics, opening
from collector.app.figures import machine, stored
from collector.clock import SystemClock
from collector.config import ArchiveSettings, DatabaseSettings, LogSettings, Settings
from tests.benchmarks import page_days
from tests.support import engines

LIMIT_MS = 100.0
_NOW = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)
_RUNS = 7
_REQUESTS = """
INSERT INTO requests (sent_at, answered_at, run_id, instrument_id, data_set, what_to_show, span, outcome, bars)
SELECT
    sent, sent + random() * interval '2 seconds', 1, 1 + n % 4600, 1, (ARRAY['TRADES', 'BID', 'ASK'])[1 + n % 3],
    tstzrange(day, day + interval '1 day'), CASE WHEN n % 50 = 0 THEN 'pacing' ELSE 'bars' END, 78
FROM unnest($1::timestamptz[]) AS day, generate_series(1, 15000) AS n,
    LATERAL (SELECT day + n * interval '0.4 seconds') AS t (sent)
"""
_RUN = """
INSERT INTO intraday_collection_runs (run_date, run_type, attempt, started_at, heartbeat_at, completed_at,
    symbols_requested, bar_size, status, progress)
SELECT day::date, 'eod', 1, day, day, day + interval '1 hour', '{SPY}', '5 mins', 'success', '{"counted": true}'
FROM unnest($1::timestamptz[]) AS day
"""
_BEGUN = """
INSERT INTO intraday_collection_runs (run_date, run_type, attempt, started_at, heartbeat_at, symbols_requested,
    bar_size, status)
SELECT '2026-11-20', 'late_night', 1 + count(*), now(), now(), '{SPY}', '5 mins', 'running'
FROM intraday_collection_runs
"""


async def measure(engine: engines.Engine) -> dict[str, float]:
    """Return the milliseconds of each kind of scrape, by its name."""
    filled = await page_days.fill(engine, "bench_metrics")
    connection = await asyncpg.connect(filled.url)
    closes = [session.close for session in filled.sessions]
    await connection.execute(_REQUESTS, closes)
    await connection.execute(_RUN, closes)
    await connection.execute("VACUUM ANALYZE")
    with TemporaryDirectory() as folder:
        settings = Settings(
            database=DatabaseSettings(url=SecretStr(filled.url)),
            log=LogSettings(directory=Path(folder)),
            archive=ArchiveSettings(place=folder),
        )
        clock = SystemClock(_NOW)
        async with opening.onlooker(settings, clock) as onlooker:
            calendar = opening.calendar(settings)

            async def scrape(reading: stored.Reading, later: timedelta = timedelta(0)) -> float:
                begun = time.perf_counter()
                figures = await reading.figures(onlooker, _NOW + later)
                beside = await machine.look(settings, clock)
                metrics.exposition(figures, _NOW, machine=beside)
                return (time.perf_counter() - begun) * 1000

            firsts = [await scrape(stored.Reading(settings, calendar)) for _ in range(_RUNS)]
            kept = stored.Reading(settings, calendar)
            await scrape(kept)
            again = [await scrape(kept, timedelta(seconds=15 * n)) for n in range(1, _RUNS + 1)]
            minutes = [await scrape(kept, timedelta(minutes=10 * n)) for n in range(1, _RUNS + 1)]
            changed, at_work = [], []
            for _ in range(_RUNS):
                await connection.execute(_BEGUN)
                changed.append(await scrape(kept, timedelta(hours=2)))
                at_work.append(await scrape(kept, timedelta(hours=2, seconds=15)))
    await connection.close()
    found = {
        "the first": firsts,
        "nothing has changed": again,
        "a run is at work": at_work,
        "five minutes later": minutes,
        "a run has begun or ended": changed,
    }
    return {name: statistics.median(times) for name, times in found.items()}


def main() -> int:
    """Print the times; 1 when one every 15 seconds takes longer than it may."""
    with ExitStack() as stack:
        engine = engines.find("plain", stack)
        found = engines.run(measure(engine))
    for name, milliseconds in found.items():
        print(f"{name:28}{milliseconds:8.1f} ms")
    return int(max(found["nothing has changed"], found["a run is at work"]) > LIMIT_MS)


if __name__ == "__main__":
    sys.exit(main())
# ruff: noqa: T201 - benchmarks print
