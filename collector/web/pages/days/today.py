"""The page of today."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby

from collector.db.bookkeeping import claims
from collector.db.connection.pool import Database
from collector.db.contracts import lifecycle
from collector.db.readers import day_status
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.reports.session_standing import SessionStanding, SessionState
from collector.jobs import alert_facts, due_windows
from collector.market.outlook import ISRAEL, outlook
from collector.notify.alerts.alert_memory import AlertFile
from collector.notify.reports import wording
from collector.runs.uncounted import uncounted
from collector.web import at_work
from collector.web.at_work import Now
from collector.web.context import Context
from collector.web.page import Asked, Page
from collector.web.pages.days import latest_session
from collector.web.pages.days.day_windows import DayWindow
from collector.web.pages.days.latest_session import Collected

WEEKS = 13
"""Of the calendar."""

_STEP = timedelta(hours=3)
"""Between two marks of the time line."""
_ZONES = (("Israel", ISRAEL), ("New York", NEW_YORK), ("UTC", UTC))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Whether the last completed session can be trusted. level: good, warning or bad; words: a sentence."""

    session: date
    level: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One session of one symbol, in figures as of `SessionStanding`, and in words."""

    session: date
    state: SessionState
    words: str
    completeness: float | None
    open_slots: int
    lost_slots: int
    awaiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolCalendar:
    """A symbol's sessions of the last weeks: a row a week, oldest first; Monday to Friday, None where there is none."""

    symbol: str
    weeks: tuple[tuple[Cell | None, ...], ...]


@dataclass(frozen=True, slots=True)
class Month:
    """A month of the calendars, by its short name, with how many of the weeks begin in it."""

    name: str
    weeks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiring:
    """Contracts of a symbol whose last session this is.

    over: the session has closed. saved: settled in every series; awaiting: lack second witnesses only; open: not
    settled yet; lost: in part.
    """

    symbol: str
    session: date
    over: bool
    close: datetime
    contracts: int
    saved: int
    awaiting: int
    open: int
    lost: int

    @property
    def safe(self) -> bool:
        """Return whether nothing of them can be lost any more."""
        return self.over and self.saved == self.contracts


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """What needs somebody. since: when it began, None where nobody noted it."""

    words: str
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """A mark of the time line. share: of the day, 0 to 1; clocks: what the three zones' clocks show, as its rows."""

    share: float
    clocks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLine:
    """A day of New York as shares of its length, 0 to 1. opens, closes: of the session, None without one."""

    zones: tuple[str, ...]
    hours: tuple[Hour, ...]
    marks: tuple[float, ...]
    opens: float | None
    closes: float | None
    now: float


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk. free: bytes; used: a fraction of 1."""

    free: int
    used: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Today:
    """A day at a glance.

    day: New York's date; notes: what is unusual about it; windows: those of the day, by time. now: what is at work and
    what comes next. calendars: by symbol; months: over their weeks. at_risk: contracts that expired earlier and have
    open gaps. uncounted: numbers of runs after which figures are older than the bars. disk: where the database grows;
    None where it cannot be told.
    """

    day: date
    trust: Trust
    now: Now
    notes: tuple[str, ...]
    windows: tuple[DayWindow, ...]
    line: TimeLine
    expiring: tuple[Expiring, ...]
    at_risk: int
    alerts: tuple[Alert, ...]
    calendars: tuple[SymbolCalendar, ...]
    months: tuple[Month, ...]
    uncounted: tuple[int, ...]
    database_bytes: int
    disk: Disk | None


async def _answer(context: Context, _asked: Asked) -> Today:
    instant, symbols = context.now, context.settings.option_symbols
    today = instant.astimezone(NEW_YORK).date()
    work = await at_work.now(context)
    async with context.reading() as db:
        latest = await latest_session.latest_session(context, db)
        collected, windows = latest.collected, latest.windows
        first = latest.day - timedelta(days=latest.day.weekday() + 7 * (WEEKS - 1))
        known = {key: one.standing for key, one in (await latest_session.known(context, db, latest, first)).items()}
        judged = context.days.previous(latest.day) if latest.under_way else latest.day
        expiring, at_risk = await _expiring(db, collected, instant)
        return Today(
            day=today,
            trust=await _trust(db, judged, known, symbols),
            now=work,
            notes=_notes(context, today),
            windows=windows,
            line=_line(context, today, windows),
            expiring=expiring,
            at_risk=at_risk,
            alerts=await _alerts(context),
            months=_months(first),
            # A symbol of which nothing came yet is seen to be missing, once there is any.
            calendars=tuple(_calendar(context, symbol, known, first, latest.day) for symbol in symbols if collected),
            uncounted=await uncounted(db, instant),
            database_bytes=await day_status.database_bytes(db),
            disk=await asyncio.to_thread(_disk, context),
        )


async def _trust(
    db: Database, day: date, known: Mapping[tuple[date, str], SessionStanding], symbols: Sequence[str]
) -> Trust:
    """Return the sentence that says whether a session's bars can be trusted."""
    if doubts := await claims.implausible(db, day):
        return Trust(session=day, level="bad", words=wording.distrust(doubts))
    found = {symbol: known.get((day, symbol), SessionStanding()) for symbol in symbols}
    return Trust(session=day, level=wording.trust_level(found.values()), words=wording.trust(day, found))


async def _expiring(db: Database, collected: Collected, now: datetime) -> tuple[tuple[Expiring, ...], int]:
    """Return how the contracts stand that expire on the latest session, and how many of earlier ones are at risk."""
    found, at_risk = [], 0
    for underlying, session, series in collected:
        at_risk += len(await lifecycle.expired_at_risk(db, underlying.id, session.day))
        those = await lifecycle.expiries(db, underlying.id, session)
        unsettled = {contract.id for contract in those.at_risk}
        contracts = those.saved + len(unsettled) + those.lost
        if not contracts:
            continue
        awaiting = 0
        if unsettled and session.settles_at < now:
            waits = await claims.awaiting_expiries(db, OPTION_BARS_5MIN, underlying.id, session, series)
            awaiting = len(unsettled & waits)
        found.append(
            Expiring(
                symbol=underlying.symbol,
                session=session.day,
                over=session.close <= now,
                close=session.close,
                contracts=contracts,
                saved=those.saved,
                awaiting=awaiting,
                open=len(unsettled) - awaiting,
                lost=those.lost,
            )
        )
    return tuple(found), at_risk


async def _alerts(context: Context) -> tuple[Alert, ...]:
    """Return what this process finds wrong, and what alert rules have told and have not seen end."""
    condition = await context.process.condition()
    file = AlertFile.below(context.settings.notify, context.settings.log.path)
    memory = await asyncio.to_thread(file.load)
    lasting = sorted(memory.conditions, key=lambda one: one.since)
    return (
        *(Alert(words=problem) for problem in condition.problems),
        *(Alert(words=one.text, since=one.since) for one in lasting),
    )


def _calendar(
    context: Context, symbol: str, known: Mapping[tuple[date, str], SessionStanding], first: date, last: date
) -> SymbolCalendar:
    sessions = set(context.days.days(first, last))

    def cell(day: date) -> Cell | None:
        if day not in sessions:
            return None
        one = known.get((day, symbol), SessionStanding())
        return Cell(
            session=day,
            state=one.state,
            words=wording.standing(one),
            completeness=one.completeness,
            open_slots=one.open_slots,
            lost_slots=one.lost_slots,
            awaiting=one.awaiting,
        )

    mondays = [first + timedelta(weeks=week) for week in range(WEEKS)]
    weeks = tuple(tuple(cell(monday + timedelta(days=n)) for n in range(5)) for monday in mondays)
    return SymbolCalendar(symbol=symbol, weeks=weeks)


def _months(first: date) -> tuple[Month, ...]:
    mondays = (first + timedelta(weeks=week) for week in range(WEEKS))
    return tuple(Month(name, len(list(those))) for name, those in groupby(mondays, lambda monday: f"{monday:%b}"))


def _line(context: Context, day: date, windows: Sequence[DayWindow]) -> TimeLine:
    """Return where everything stands on a day of New York, midnight to midnight; clocks may change in it."""
    midnight, following = (datetime.combine(one, time(0), NEW_YORK) for one in (day, day + timedelta(days=1)))
    length = following.astimezone(UTC) - midnight.astimezone(UTC)

    def share(instant: datetime) -> float:
        return (instant.astimezone(UTC) - midnight.astimezone(UTC)) / length

    session = context.days.session(context.settings.symbol_names[0], day) if context.days.is_session(day) else None
    instants = [midnight.astimezone(UTC) + n * _STEP for n in range(length // _STEP + 1)]
    return TimeLine(
        zones=tuple(name for name, _ in _ZONES),
        hours=tuple(
            Hour(share=share(at), clocks=tuple(f"{at.astimezone(zone):%H}" for _, zone in _ZONES)) for at in instants
        ),
        marks=tuple(share(one.due) for one in windows),
        opens=None if session is None else share(session.open),
        closes=None if session is None else share(session.close),
        now=share(context.now),
    )


def _notes(context: Context, day: date) -> tuple[str, ...]:
    return outlook(due_windows.configured(context.settings, context.days), day, 1)[0].notes


def _disk(context: Context) -> Disk | None:
    try:
        return Disk(*alert_facts.disk(context.settings))
    except OSError:
        return None


PAGE = Page(
    path="/",
    title="Today",
    what="Whether the data can be trusted, what is at work, what is due, what is missing.",
    model=Today,
    answer=_answer,
    template="today.html.j2",
)
