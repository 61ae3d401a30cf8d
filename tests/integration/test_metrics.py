"""Metrics: what a scrape says, and the textfile."""

import asyncio
import re
import stat
from datetime import UTC, date, datetime
from pathlib import Path

from pydantic import SecretStr

from collector.app import metrics, opening
from collector.app.figures.stored import Figures, gather
from collector.clock import SystemClock
from collector.config import DatabaseSettings, LogSettings, ServeSettings
from collector.db.bookkeeping import runs_table
from collector.db.bookkeeping.gaps_table import GapTotal
from collector.db.bookkeeping.runs_table import NewRun, RunEnd
from collector.db.connection import pool
from collector.db.readers.day_status import RunTotals
from collector.domain.pacing.pace import BreakerState, Pace
from collector.domain.run_vocabulary import GapState, RunStatus, Window
from collector.market.calendar import Calendar
from tests.support.fixtures_simulator import AFTER_THE_CLOSE
from tests.support.http_peers import samples
from tests.support.window_runs import narrow

NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
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
)


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
                assert (await gather(onlooker, settings, Calendar(), clock.now())).database_bytes > 0
        async with onlooker.transaction() as one:
            assert await one._own.fetchval("SHOW statement_timeout") == "5s"


def test_every_metric() -> None:
    """Figures of the tables, of the last run and of the process, each under its name with its labels."""
    pace = Pace(3, 9, 1.5, 0.25, pauses=2, breaker=BreakerState.OPEN)
    live = metrics.Live(connected=True, running=False, pace=pace, next_due=datetime(2026, 11, 20, 17, 30, tzinfo=UTC))
    text = metrics.exposition(FIGURES, NOON, live=live)
    assert samples(text) == {
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
    }
    helped = re.findall(r"^# HELP (\S+) \S", text.decode(), re.MULTILINE)
    typed = re.findall(r"^# TYPE (\S+) (?:gauge|counter)$", text.decode(), re.MULTILINE)
    assert helped == typed == list(dict.fromkeys(name.partition("{")[0] for name in samples(text)))


def test_without_a_database_the_metrics_say_so() -> None:
    """Nothing is made up when the tables cannot be read."""
    assert samples(metrics.exposition(None, NOON)) == {
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
