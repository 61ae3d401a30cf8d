"""Make the report of a week."""

from collector.app import opening
from collector.clock import Clock
from collector.config import Settings
from collector.domain.reports.week_report import WeekReport
from collector.jobs import week_reports


async def weekly(settings: Settings, clock: Clock) -> WeekReport:
    """Return the report of the week that ended with the last completed session."""
    async with opening.reader(settings, clock) as db:
        return await week_reports.of_week(db, settings, opening.calendar(settings), clock.now())
