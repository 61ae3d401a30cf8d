"""The page of the coming windows."""

from dataclasses import dataclass
from datetime import date, datetime

from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.errors import UsageError
from collector.jobs import due_windows
from collector.market.outlook import outlook
from collector.web.context import Context
from collector.web.page import Asked, Page, Parameter

_DAYS = range(1, 367)


@dataclass(frozen=True, slots=True)
class Due:
    """A window that is due. session: the date of the session that it is for; note: what is unusual about it."""

    window: str
    session: date
    due: datetime
    note: str


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the schedule. notes: holidays, early closes, changes of clocks."""

    day: date
    notes: tuple[str, ...]
    windows: tuple[Due, ...]


@dataclass(frozen=True, slots=True)
class ComingWindows:
    """The coming days."""

    days: tuple[Day, ...]


async def _answer(context: Context, asked: Asked) -> ComingWindows:
    text = asked.get("days", "14")
    if not text.isdecimal() or int(text) not in _DAYS:
        raise UsageError(f"days={text!r} is no number from 1 to 366", "Example: /schedule?days=14")
    async with context.reading() as db:
        schedule = await due_windows.schedule_of(db, context.settings, context.days, context.now)
    found = outlook(schedule, context.now.astimezone(NEW_YORK).date(), int(text))
    return ComingWindows(
        tuple(
            Day(
                one.day,
                tuple(one.notes),
                tuple(Due(due.window, due.run_date, due.due, due.note) for due in one.occurrences),
            )
            for one in found
        )
    )


PAGE = Page(
    path="/schedule",
    title="Schedule",
    what="The coming windows in three time zones.",
    model=ComingWindows,
    answer=_answer,
    template="schedule.html.j2",
    parameters=(Parameter("days", "how many days ahead, 1 to 366", "14"),),
)
