"""Facts for alerts: disk, chains, backups, login.

What surrounds the runs, as alerts and reports need it: disk, chains, contracts, backups, the gateway's login.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.config import Settings
from collector.db.bookkeeping import schedule_state
from collector.db.connection.pool import Database
from collector.db.readers import report_rows
from collector.db.upkeep import backup_files
from collector.domain.reports.run_report import Environment
from collector.domain.run_vocabulary import Window
from collector.market.outlook import weekly_reset
from collector.market.schedule import Schedule
from collector.runs.preflight import disk_usage

_LOOK_BACK = timedelta(days=10)
"""Between two backups lie a long week-end and a holiday at most."""


async def environment(
    db: Database,
    settings: Settings,
    schedule: Schedule,
    now: datetime,
    since: datetime,
    expired_contracts: int = 0,
) -> Environment:
    """Return the state of what surrounds the runs.

    Args:
        db: the database.
        settings: what is configured.
        schedule: the windows.
        now: the current instant.
        since: contracts first seen after this are new.
        expired_contracts: found by this run.
    """
    free, used = disk(settings)
    refreshed, new = await report_rows.chains_refreshed(db, since)
    backups = await _backups(db, settings, schedule, now)
    return Environment(
        disk_free_bytes=free,
        disk_used=used,
        chain_refreshed=tuple(one for one in refreshed if settings.series_for(one[0])),
        backup_expected=backups.expected,
        last_backup=backups.last,
        backup_missing=backups.missing,
        login_due=weekly_reset(schedule, now) if settings.gateway.weekly_login_reminder else None,
        new_contracts=new,
        expired_contracts=expired_contracts,
    )


def disk(settings: Settings) -> tuple[int, float]:
    """Return the free bytes of the disk that fills up as bars come, and the share of it that is used."""
    return disk_usage(settings.database.data_path if settings.database.embedded else settings.log.path)


@dataclass(frozen=True, slots=True)
class _Backups:
    expected: bool
    last: datetime | None = None
    missing: str = ""


async def _backups(db: Database, settings: Settings, schedule: Schedule, now: datetime) -> _Backups:
    """Return how the backups stand; none is missing that was due before the collector first ran."""
    if not settings.windows.backup.enabled:
        return _Backups(expected=False)
    late = now - timedelta(hours=settings.notify.alerts.backup_late_h)
    began = await schedule_state.began(db) or now
    due = [one.due for one in schedule.between(max(began, now - _LOOK_BACK), late) if one.window is Window.BACKUP]
    folder = settings.backup.path

    def look() -> _Backups:
        missing = backup_files.missing(folder, due[-1], now) if due else None
        return _Backups(expected=True, last=backup_files.latest(folder), missing=missing or "")

    with db.clock.hold():
        return await asyncio.to_thread(look)
