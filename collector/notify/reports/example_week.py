"""An example of the weekly summary.

An example of the weekly summary: a week with one failed and one partial window.
"""

from datetime import UTC, date, datetime, timedelta
from random import Random

from collector.domain.reports.run_report import Environment, Expiring, GapCounts, NextWindow, UpkeepReport
from collector.domain.reports.storage_report import StorageReport, StorageSizes
from collector.domain.reports.week_report import WeekReport, WeekRun, WeekSymbol
from collector.domain.run_vocabulary import RunStatus, Window
from collector.notify.reports.examples import HOST, past_runs


def week() -> WeekReport:
    """Return a week with one failed and one partial window."""
    windows = (Window.MORNING, Window.MIDDAY, Window.EXPIRY_CHECK, Window.EOD, Window.LATE_NIGHT)
    bad = {
        (date(2026, 11, 18), Window.EOD): RunStatus.PARTIAL,
        (date(2026, 11, 17), Window.MIDDAY): RunStatus.FAILED,
    }
    days = [date(2026, 11, 16) + timedelta(days=i) for i in range(5)]
    return WeekReport(
        first=days[0],
        last=days[-1],
        made_at=datetime(2026, 11, 21, 10, 0, tzinfo=UTC),
        sessions=5,
        runs=tuple(
            WeekRun(session=day, window=window, status=bad.get((day, window), RunStatus.SUCCESS), run_id=1800 + i)
            for i, (day, window) in enumerate((day, window) for day in days for window in windows)
        ),
        symbols=(
            WeekSymbol(symbol="SPY", contracts=2604, bars=118_402, completeness=0.9991, fill=0.57),
            WeekSymbol(symbol="PLTR", contracts=1290, bars=39_118, completeness=0.9968, fill=0.31, single_witness=2418),
            WeekSymbol(symbol="TSLA", contracts=1911, bars=84_950, completeness=0.9874, fill=0.43, awaiting=702),
        ),
        history=past_runs(Random(20)),  # noqa: S311 - examples, not secrets
        gaps=GapCounts(opened=1802, closed=1764, lost=2, still_open=36),
        expiring=Expiring(saved=1988, lost=2, examples=("SPY   261118C00671000", "SPY   261118P00671000")),
        requests=62_110,
        rate_limit_hits=690,
        storage=StorageReport(
            now=StorageSizes(
                database=18_400_000_000,
                raw=2_100_000_000,
                compressed=14_000_000_000,
                aggregates=1_200_000_000,
                archive=9_100_000_000,
                backups=38_200_000_000,
                logs=140_000_000,
                free=212 * 10**9,
            ),
            before=StorageSizes(database=18_090_000_000, raw=0, compressed=0, aggregates=0, free=213_400_000_000),
            elapsed_s=7 * 86_400.0,
        ),
        upkeep=UpkeepReport(
            verified=14,
            dropped_bars=1_388_200,
            freed_bytes=21_400_000,
            waiting=(("not archived yet", 341_000),),
        ),
        environment=Environment(
            disk_free_bytes=212 * 10**9,
            disk_used=0.57,
            backup_expected=True,
            last_backup=datetime(2026, 11, 21, 7, 0, tzinfo=UTC),
            login_due=datetime(2026, 11, 22, 6, 0, tzinfo=UTC),
            new_contracts=388,
            expired_contracts=402,
        ),
        next_window=NextWindow(window=Window.CHAIN_REFRESH, due=datetime(2026, 11, 22, 23, 0, tzinfo=UTC)),
        digest=("2026-11-17 06:00 UTC · 92 new contracts were found.", "2026-11-20 22:10 UTC · 88 contracts expired."),
        host=HOST,
    )
