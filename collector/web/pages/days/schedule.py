"""The page of the coming windows."""

from dataclasses import dataclass
from datetime import date, datetime

from collector.config.window_settings import DEFAULTS
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.jobs import due_windows
from collector.market.outlook import ISRAEL, DayOutlook, outlook
from collector.market.schedule import Schedule
from collector.web import asking
from collector.web.context import Context
from collector.web.page import Asked, Page, Parameter

_DAYS, _MOST_DAYS = 14, 366


@dataclass(frozen=True, slots=True)
class Due:
    """A window that is due. session: the date of the session that it is for; note: what is unusual about it."""

    window: str
    session: date
    due: datetime
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A day of the schedule. closed: why there is no session, None where there is one.

    opens, closes: of the session, until the last product closes. notes: early closes, changes of clocks.
    """

    day: date
    closed: str | None
    opens: datetime | None
    closes: datetime | None
    notes: tuple[str, ...]
    windows: tuple[Due, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComingWindows:
    """The coming days. clocks: how the clocks stand to each other now, in a sentence. off: windows that are off."""

    clocks: str
    off: tuple[str, ...]
    days: tuple[Day, ...]


async def _answer(context: Context, asked: Asked) -> ComingWindows:
    days = asking.number(asked, "days", _DAYS, _MOST_DAYS) or _DAYS
    async with context.reading() as db:
        schedule = await due_windows.schedule_of(db, context.settings, context.days, context.now)
    found = outlook(schedule, context.now.astimezone(NEW_YORK).date(), days)
    windows = context.settings.windows
    return ComingWindows(
        clocks=_clocks(context.now, found[0]),
        off=tuple(window.value for window in (*DEFAULTS, *windows.own) if not windows[window].enabled),
        days=tuple(_day(schedule, one) for one in found),
    )


def _clocks(now: datetime, today: DayOutlook) -> str:
    israel, york = now.astimezone(ISRAEL), now.astimezone(NEW_YORK)
    return (
        f"It is {israel:%a %H:%M} in Israel, {york:%a %H:%M} in New York, {now:%a %H:%M} UTC:"
        f" Israel is {today.hours_apart:g} hours ahead of New York."
    )


def _day(schedule: Schedule, one: DayOutlook) -> Day:
    session = schedule.session(one.day) if one.close is not None else None
    return Day(
        day=one.day,
        closed=one.closed,
        opens=None if session is None else session.open,
        closes=None if session is None else session.close,
        notes=tuple(note for note in one.notes if note != one.closed),
        windows=tuple(Due(due.window, due.run_date, due.due, due.note) for due in one.occurrences),
    )


PAGE = Page(
    path="/schedule",
    title="Schedule",
    what="The coming days: windows in three time zones, holidays, changes of clocks, what is off.",
    model=ComingWindows,
    answer=_answer,
    template="schedule.html.j2",
    parameters=(Parameter("days", "how many days ahead, 1 to 366", "14"),),
)
