"""Metrics: what a scrape says, and the textfile."""

import asyncio
import platform
import re
import stat
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr

from collector import __version__
from collector.app import metrics, opening
from collector.app.figures.machine import Disk, Machine, Process
from collector.app.figures.stored import Figures, Reading
from collector.clock import SystemClock
from collector.config import DatabaseSettings, LogSettings, ServeSettings
from collector.db.archive.manifest import Standing
from collector.db.bookkeeping import runs_table
from collector.db.bookkeeping.gaps_table import GapTotal
from collector.db.bookkeeping.requests_table import RequestTotal
from collector.db.bookkeeping.runs_table import NewRun, RunEnd
from collector.db.bookkeeping.schedule_state import Miss
from collector.db.connection import pool
from collector.db.connection.pool import Database
from collector.db.readers.day_status import RunTotals
from collector.domain.market_data.answers import Outcome
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN, UNDERLYING_BARS_5MIN, DataSet
from collector.domain.pacing.pace import BreakerState, Pace
from collector.domain.run_vocabulary import GapState, RunStatus, Window
from collector.market.calendar import Calendar
from tests.support.db_rows import make_chain
from tests.support.fixtures_simulator import AFTER_THE_CLOSE
from tests.support.http_peers import samples
from tests.support.window_runs import narrow

NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)


def _requests(
    data_set: DataSet, what: str, outcome: Outcome, bucket: int | None, number: int, seconds: float
) -> RequestTotal:
    return RequestTotal(
        data_set=data_set.id, what_to_show=what, outcome=outcome, bucket=bucket, requests=number, seconds=seconds
    )


FIGURES = Figures(
    runs=(
        RunTotals(
            window="eod",
            status=RunStatus.SUCCESS,
            runs=3,
            inserted=700,
            updated=20,
            identical=4,
            requests=90,
            rate_limit_hits=1,
            last_completed=datetime(2026, 11, 19, 22, 0, tzinfo=UTC),
        ),
        RunTotals(
            window="eod",
            status=RunStatus.FAILED,
            runs=1,
            inserted=30,
            updated=0,
            identical=0,
            requests=10,
            rate_limit_hits=0,
            last_completed=None,
        ),
    ),
    completeness={"SPY": 0.5},
    gaps={GapState.OPEN: GapTotal(2, 60), GapState.LOST: GapTotal(1, 78)},
    database_bytes=1_000_000,
    uncounted=1,
    awaiting=8,
    sessions_awaiting=2,
    implausible=1,
    requests=(
        _requests(OPTION_BARS_5MIN, "TRADES", Outcome.BARS, 0, 2, 0.1),
        _requests(OPTION_BARS_5MIN, "TRADES", Outcome.NO_DATA, 3, 1, 0.75),
        _requests(OPTION_BARS_5MIN, "TRADES", Outcome.PACING, 0, 4, 0.2),
        _requests(OPTION_BARS_5MIN, "TRADES", Outcome.TIME_OUT, None, 5, 0.0),
        _requests(UNDERLYING_BARS_5MIN, "TRADES", Outcome.TIME_OUT, None, 1, 0.0),
    ),
    enabled={"eod": True, "midday": True, "weekly": False},
    late={"eod": True, "midday": False},
    misses=(Miss("eod", "last_chance", datetime(2026, 11, 18, 21, 30, tzinfo=UTC)),),
    archive=Standing(objects=40, bytes=5_000, oldest_unarchived=date(2026, 11, 19)),
)
MACHINE = Machine(
    disks={"logs": Disk(100, 60)},
    last_backup=datetime(2026, 11, 19, 7, 0, tzinfo=UTC),
    mails_waiting=2,
    mails_set_aside=1,
)


FAILURES = [one for one in Outcome if one not in (Outcome.BARS, Outcome.NO_DATA)]


def _family(sample: str) -> str:
    """Return what a sample belongs to."""
    return re.sub(r"(?<=duration_seconds)_(?:bucket|count|sum)$", "", sample.partition("{")[0])


def names_in(folder: Path) -> list[str]:
    """Return what lies in a folder."""
    return [file.name for file in folder.iterdir()]


async def test_a_scrape_takes_no_connection_of_a_run(plain_database_url: str) -> None:
    """Health and metrics have a connection of their own, on which the server gives up after seconds."""
    clock = SystemClock(AFTER_THE_CLOSE)
    settings = narrow("PLTR", database=DatabaseSettings(url=SecretStr(plain_database_url), pool_size=1))
    async with opening.database(settings, clock) as db, opening.onlooker(settings, clock) as onlooker:
        async with db.transaction():  # the run's only connection
            async with asyncio.timeout(5):
                assert (await Reading(settings, Calendar()).figures(onlooker, clock.now())).database_bytes > 0
        async with onlooker.transaction() as one:
            assert await one._own.fetchval("SHOW statement_timeout") == "5s"


def test_every_metric() -> None:
    """Figures of the tables, of the last run and of the process, each under its name with its labels."""
    pace = Pace(3, 9, 1.5, 0.25, pauses=2, breaker=BreakerState.OPEN)
    process = Process(cpu_s=12.5, resident_bytes=90_000_000, started_s=1795190400.0)
    live = metrics.Live(
        connected=True,
        running=False,
        pace=pace,
        session_open=True,
        process=process,
        next_due=datetime(2026, 11, 20, 17, 30, tzinfo=UTC),
    )
    text = metrics.exposition(FIGURES, NOON, machine=MACHINE, live=live)
    seconds = "collector_request_duration_seconds"
    kind = 'data_set="option_bars_5min",what_to_show="TRADES"'
    passed = {"0.1": 2, "0.25": 2, "0.5": 2}  # 0.75 s is the next bound's
    version = f'version="{__version__}"'
    assert samples(text) == {
        f'collector_build_info{{python="{platform.python_version()}",{version}}}': 1,
        "collector_database_up": 1,
        "collector_written_timestamp_seconds": 1795194000,
        'collector_runs_total{status="success",window="eod"}': 3,
        'collector_runs_total{status="failed",window="eod"}': 1,
        'collector_bars_total{kind="inserted",window="eod"}': 730,
        'collector_bars_total{kind="updated",window="eod"}': 20,
        'collector_bars_total{kind="identical",window="eod"}': 4,
        'collector_requests_total{window="eod"}': 100,
        'collector_last_success_timestamp_seconds{window="eod"}': 1795125600,
        'collector_completeness_ratio{symbol="SPY"}': 0.5,
        'collector_gaps{state="open"}': 2,
        'collector_gap_slots{state="open"}': 60,
        'collector_gaps{state="lost"}': 1,
        'collector_gap_slots{state="lost"}': 78,
        'collector_gaps{state="filled"}': 0,
        'collector_gap_slots{state="filled"}': 0,
        "collector_uncounted_runs": 1,
        "collector_series_awaiting": 8,
        "collector_sessions_awaiting": 2,
        "collector_sessions_implausible": 1,
        "collector_database_size_bytes": 1_000_000,
        "collector_gateway_connected": 1,
        'collector_gateway_breaker{state="closed"}': 0,
        'collector_gateway_breaker{state="open"}': 1,
        'collector_gateway_breaker{state="half_open"}': 0,
        "collector_run_active": 0,
        "collector_pacer_limit": 9,
        "collector_pacer_in_flight": 3,
        "collector_pacer_requests_per_second": 1.5,
        "collector_pacer_latency_seconds": 0.25,
        "collector_pacer_pauses_total": 2,
        "collector_next_window_timestamp_seconds": 1795195800,
        'collector_window_enabled{window="eod"}': 1,
        'collector_window_enabled{window="midday"}': 1,
        'collector_window_enabled{window="weekly"}': 0,
        'collector_window_late{window="eod"}': 1,
        'collector_window_late{window="midday"}': 0,
        'collector_window_missed_timestamp_seconds{kind="last_chance",window="eod"}': 1795037400,
        **{f'collector_requests_failed_total{{outcome="{one.value}"}}': 0 for one in FAILURES},
        'collector_requests_failed_total{outcome="pacing"}': 4,
        'collector_requests_failed_total{outcome="time_out"}': 6,
        f"collector_pacing_errors_total{{{kind}}}": 4,
        'collector_pacing_errors_total{data_set="underlying_bars_5min",what_to_show="TRADES"}': 0,
        **{
            f'{seconds}_bucket{{data_set="option_bars_5min",le="{bound}",what_to_show="TRADES"}}': passed.get(bound, 3)
            for bound in ("0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "10.0", "30.0", "60.0", "120.0", "+Inf")
        },
        f"{seconds}_count{{{kind}}}": 3,
        f"{seconds}_sum{{{kind}}}": pytest.approx(0.85),
        "collector_archive_objects": 40,
        "collector_archive_size_bytes": 5_000,
        "collector_archive_oldest_unarchived_timestamp_seconds": 1795046400,
        'collector_disk_size_bytes{holds="logs"}': 100,
        'collector_disk_free_bytes{holds="logs"}': 60,
        "collector_last_backup_timestamp_seconds": 1795071600,
        "collector_mails_waiting": 2,
        "collector_mails_set_aside": 1,
        "collector_session_open": 1,
        "collector_process_cpu_seconds_total": 12.5,
        "collector_process_resident_memory_bytes": 90_000_000,
        "collector_process_start_time_seconds": 1795190400,
    }
    helped = re.findall(r"^# HELP (\S+) \S", text.decode(), re.MULTILINE)
    typed = re.findall(r"^# TYPE (\S+) (?:gauge|counter|histogram)$", text.decode(), re.MULTILINE)
    assert helped == typed == list(dict.fromkeys(_family(name) for name in samples(text)))
    page = (Path(__file__).parents[2] / "docs/metrics.md").read_text(encoding="utf-8")
    assert sorted(helped) == sorted(re.findall(r"^\| `(collector_\w+)`", page, re.MULTILINE))


def test_without_a_database_the_metrics_say_so() -> None:
    """Nothing is made up when the tables cannot be read."""
    found = samples(metrics.exposition(None, NOON))
    assert {name: value for name, value in found.items() if "build_info" not in name} == {
        "collector_database_up": 0,
        "collector_written_timestamp_seconds": 1795194000,
    }


async def test_one_run_writes_the_textfile(plain_database_url: str, tmp_path: Path) -> None:
    """After a run the file holds what the run table says, readable by all, with no draft beside it."""
    clock = SystemClock(AFTER_THE_CLOSE)
    path = tmp_path / "collector.prom"
    settings = narrow("PLTR", serve=ServeSettings(textfile=path), log=LogSettings(directory=tmp_path))
    async with pool.connect(plain_database_url, clock) as db:
        new = NewRun(window=Window.EOD, day=date(2026, 11, 20), symbols=["PLTR"], started_at=clock.now())
        run_id = await runs_table.open_run(db, new)
        end = RunEnd(status=RunStatus.SUCCESS, completed_at=clock.now(), bars_inserted=42, progress={"attempts": 7})
        await runs_table.close(db, run_id, end)
    opened = pool.connect(plain_database_url, clock)
    await metrics.publish(opened, settings, Calendar(), clock)
    found = samples(path.read_bytes())
    assert found['collector_runs_total{status="success",window="eod"}'] == 1
    assert found['collector_bars_total{kind="inserted",window="eod"}'] == 42
    assert found['collector_requests_total{window="eod"}'] == 7
    assert found["collector_database_up"] == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert names_in(tmp_path) == ["collector.prom"]


async def test_a_textfile_that_cannot_be_written_breaks_nothing(tmp_path: Path) -> None:
    """Neither a missing folder nor a missing database reaches the run."""
    clock = SystemClock(AFTER_THE_CLOSE)
    settings = narrow("PLTR", serve=ServeSettings(textfile=tmp_path / "absent" / "collector.prom"))
    nowhere = pool.connect("postgresql://nobody@127.0.0.1:1/none", clock)
    await metrics.publish(nowhere, settings, Calendar(), clock)
    assert names_in(tmp_path) == []


_REQUEST = """
INSERT INTO requests (sent_at, answered_at, instrument_id, data_set, what_to_show, span, outcome, bars)
VALUES ($1, $1::timestamptz + $2::interval, -1, 2, 'TRADES', '[2026-11-20 14:30Z,2026-11-20 21:00Z)', $3, 0)
"""


async def test_what_is_configured_is_told(database: Database) -> None:
    """A symbol that was collected once is complete no more, and no alarm for it; each window says whether it is on."""
    for symbol in ("PLTR", "TSLA"):
        await make_chain(database, 1, symbol=symbol)
    figures = await Reading(narrow("TSLA"), Calendar()).figures(database, AFTER_THE_CLOSE)
    assert figures.completeness == {"TSLA": 0.0}
    assert (figures.enabled["eod"], figures.enabled["pre_market"], figures.enabled["archive"]) == (True, False, False)
    assert not figures.enabled.keys() & {"manual", "gap_fill", "backfill"}


async def test_requests_are_counted_by_the_month(plain_database_url: str) -> None:
    """Days that are over are counted once: what is dropped later is not missing. A month begins with nothing."""
    clock = SystemClock(AFTER_THE_CLOSE)
    settings = narrow("PLTR", database=DatabaseSettings(url=SecretStr(plain_database_url)))
    reading, second = Reading(settings, Calendar()), timedelta(seconds=1)
    connection = await asyncpg.connect(plain_database_url)

    async def counted(now: datetime) -> dict[tuple[Outcome, int | None], tuple[int, float]]:
        found = (await reading.figures(db, now)).requests
        return {(one.outcome, one.bucket): (one.requests, one.seconds) for one in found}

    try:
        async with pool.connect(plain_database_url, clock) as db:
            for sent, took, outcome in (
                (datetime(2026, 10, 31, 23, tzinfo=UTC), second, "bars"),
                (datetime(2026, 11, 2, 15, tzinfo=UTC), 2 * second, "bars"),
                (datetime(2026, 11, 20, 15, tzinfo=UTC), 2.25 * second, "bars"),
                (datetime(2026, 11, 20, 16, tzinfo=UTC), None, "time_out"),
            ):
                await connection.execute(_REQUEST, sent, took, outcome)
            friday = datetime(2026, 11, 20, 23, tzinfo=UTC)
            november = {(Outcome.BARS, 4): (2, 4.25), (Outcome.TIME_OUT, None): (1, 0.0)}
            assert await counted(friday) == november
            await connection.execute("DELETE FROM requests WHERE sent_at < '2026-11-10'")
            assert await counted(friday + timedelta(days=1)) == november
            assert await counted(datetime(2026, 12, 1, 0, 5, tzinfo=UTC)) == {}
    finally:
        await connection.close()


async def test_what_runs_change_is_read_when_one_has_begun_or_ended(plain_database_url: str) -> None:
    """Nothing is read again for a scrape in between; while a run is at work, its requests are."""
    clock = SystemClock(AFTER_THE_CLOSE)
    settings = narrow("PLTR", database=DatabaseSettings(url=SecretStr(plain_database_url)))
    reading, now = Reading(settings, Calendar()), clock.now()
    connection = await asyncpg.connect(plain_database_url)
    missed = (
        "INSERT INTO daily_collection_status (collection_date, symbol, collection_type, started_at, completed_at,"
        " status) VALUES ('2026-11-20', 'MISSED no_use', $1, $2, $2, 'missed')"
    )

    async def seen(later_s: float) -> tuple[set[str], int]:
        figures = await reading.figures(db, now + timedelta(seconds=later_s))
        return {one.window for one in figures.misses}, sum(one.requests for one in figures.requests)

    try:
        async with pool.connect(plain_database_url, clock) as db:
            assert await seen(0) == (set(), 0)
            await connection.execute(missed, "midday", now)
            await connection.execute(_REQUEST, now, timedelta(seconds=1), "bars")
            assert await seen(15) == (set(), 0)
            run_id = await runs_table.open_run(
                db, NewRun(window=Window.EOD, day=now.date(), symbols=[], started_at=now)
            )
            assert await seen(30) == ({"midday"}, 1)
            await connection.execute(missed, "morning", now)
            await connection.execute(_REQUEST, now, timedelta(seconds=1), "bars")
            assert await seen(45) == ({"midday"}, 2)
            await runs_table.close(db, run_id, RunEnd(status=RunStatus.SUCCESS, completed_at=now))
            assert await seen(60) == ({"midday", "morning"}, 2)
            await connection.execute(missed, "afternoon", now)
            assert await seen(75) == ({"midday", "morning"}, 2)
            assert await seen(360) == ({"midday", "morning", "afternoon"}, 2)
    finally:
        await connection.close()
