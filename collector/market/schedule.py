"""Instants at which windows are due.

When windows are due: wall-clock times of the configuration turned into instants, date by date.

Which date a window belongs to (its run date, always a session's):
- pre_market, morning, midday, afternoon, expiry_check, eod: the session on whose date they are due;
- late_night, backup: the session before it; due at the first such time after that session has settled;
- daily_bars: the session on whose date it is due, not before that has settled;
- one of the owner's: as late_night when it asks for what is unsettled, else the session on whose date it is due;
- gap_check: the session before it; due on the morning of the next session, so holidays and week-ends move it;
- chain_refresh: the session that it prepares, the first on or after its date;
- weekly: the session that ended the week, the last before its date.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from collector.config.window_settings import WEEKDAYS, WindowSettings, WindowsSettings
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.market_data.data_sets import DataSet
from collector.domain.market_data.sessions import SETTLING_DELAY, Session
from collector.domain.market_data.spans import Span
from collector.domain.run_vocabulary import OFFLINE, SAVING, WAITING, Role, Window
from collector.market.calendar import REGULAR_CLOSE, Calendar

_FRIDAY = 4
_MARGIN = timedelta(days=8)
"""A window is due at most this far from its run date, long week-ends included."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One window of one session date. due: aware UTC. note: what is unusual about it, in words."""

    window: Window
    run_date: date
    due: datetime
    note: str = ""

    @property
    def key(self) -> tuple[Window, date]:
        """Return what a run's row is found by."""
        return self.window, self.run_date


def _always(_day: date) -> bool:
    return True


class Schedule:
    """The windows of a configuration.

    Args:
        windows: their settings.
        calendar: the exchange's.
        symbols: what is collected; their closes decide when a session is over.
        expiring: tells whether a selected contract expires on a session date, or may for all that is known; by default
            one always does.
    """

    def __init__(
        self,
        windows: WindowsSettings,
        calendar: Calendar,
        symbols: Sequence[str],
        expiring: Callable[[date], bool] = _always,
    ) -> None:
        self.windows = windows
        self.calendar = calendar
        self.symbols = tuple(symbols)
        self.expiring = expiring
        self._sessions: dict[date, Session] = {}

    def session(self, day: date) -> Session:
        """Return the session of a date, open until the last of the symbols closes.

        Raises:
            NotASession: the exchange is closed on that date.
        """
        if day not in self._sessions:
            candidates = (self.calendar.session(symbol, day) for symbol in self.symbols)
            self._sessions[day] = max(candidates, key=lambda one: one.close)
        return self._sessions[day]

    def between(self, start: datetime, end: datetime) -> tuple[Occurrence, ...]:
        """Return what is due in [start, end), by time, then window; both aware."""
        found = [
            one
            for window in self.windows.enabled
            for one in self._of(window, (start - _MARGIN).date(), (end + _MARGIN).date())
            if start <= one.due < end
        ]
        return tuple(sorted(found, key=lambda one: (one.due, one.window)))

    def of_session(self, day: date) -> tuple[Occurrence, ...]:
        """Return every window whose run date is a session's, by time."""
        found = [
            one
            for window in self.windows.enabled
            for one in self._of(window, day - _MARGIN, day + _MARGIN)
            if one.run_date == day
        ]
        return tuple(sorted(found, key=lambda one: (one.due, one.window)))

    def following(self, instant: datetime, *, without: Collection[Window] = ()) -> Occurrence | None:
        """Return the first occurrence after an instant (aware), some windows left out; None when none is for weeks."""
        for days in (4, 30):
            found = self.between(instant + timedelta(microseconds=1), instant + timedelta(days=days))
            for one in found:
                if one.window not in without:
                    return one
        return None

    def deadline(self, occurrence: Occurrence, now: datetime) -> datetime | None:
        """Return when what is left of a run begun at `now` is deferred; None: never.

        A backup, the archive's pass and daily bars wait for what is at work, so they end nobody's time; that of the
        first two ends when the gateway is next asked.
        """
        rule = self.windows[occurrence.window]
        if rule.deadline == "none":
            return None
        begun = max(now, occurrence.due)
        if rule.deadline == "successor":
            own = occurrence.window in SAVING
            successor = self.following(begun, without=OFFLINE if own else WAITING)
            return None if successor is None else successor.due
        return first_after(time.fromisoformat(rule.deadline), ZoneInfo(rule.zone), occurrence.due)

    def span(self, data_set: DataSet, occurrence: Occurrence, now: datetime) -> Span | None:
        """Return what a run at `now` asks for: slots that are over; None when its window has no span of its own.

        A late run still begins where a punctual one would have begun.
        """
        rule = self.windows[occurrence.window]
        if rule.span in ("none", "unsettled"):
            return None
        session = self.session(occurrence.run_date)
        start, end = data_set.span(session).start, data_set.ended(session, now)
        if rule.length is not None:
            start = max(start, data_set.slot_of(occurrence.due - rule.length))
        return Span(start, end) if start < end else None

    def skipped(self, window: Window, day: date) -> str | None:
        """Return why a window that belongs on session dates is not due on one; None when it is."""
        due, note = self._on_session(window, day)
        return note if due is None else None

    def _of(self, window: Window, first: date, last: date) -> Iterator[Occurrence]:
        rule = self.windows[window]
        for run_date, due, note in self._dates(window, rule, first, last):
            if WEEKDAYS[due.astimezone(ZoneInfo(rule.zone)).weekday()] in rule.weekdays:
                yield Occurrence(window, run_date, due, note)

    def _dates(
        self, window: Window, rule: WindowSettings, first: date, last: date
    ) -> Iterator[tuple[date, datetime, str]]:
        zone, role = ZoneInfo(rule.zone), self.windows.role(window)
        if role in (Role.INTRADAY, Role.CLOSING) or window in (Window.PRE_MARKET, Window.DAILY_BARS):
            for day in self.calendar.days(first, last):
                due, note = self._on_session(window, day)
                if due is not None:
                    yield day, due, note
        elif role is Role.REPAIRING or window in SAVING:
            for day in self.calendar.days(first, last):
                yield day, first_after(rule.time, zone, self.session(day).settles_at), ""
        elif window is Window.GAP_CHECK:
            for day in self.calendar.days(first, last):
                before = self.calendar.previous(day)
                note = "" if _is_next_weekday(before, day) else f"moved: no session since {before:%a} {before}"
                yield before, _at(day, rule.time, zone), note
        else:
            for n in range((last - first).days + 1):
                day = first + timedelta(days=n)
                ahead = window is Window.CHAIN_REFRESH
                session = self.calendar.next(day - timedelta(days=1)) if ahead else self.calendar.previous(day)
                yield session, _at(day, rule.time, zone), ""

    def _on_session(self, window: Window, day: date) -> tuple[datetime | None, str]:
        """Return when a window is due on a session date, and what is unusual; None with the reason when it is not."""
        rule = self.windows[window]
        due = _at(day, rule.time, ZoneInfo(rule.zone))
        session = self.session(day)
        settled = session.close + SETTLING_DELAY
        if window is Window.EOD and session.early_close:
            return settled, "early close: 15 minutes after the last close"
        if self.windows.role(window) is Role.CLOSING or window is Window.DAILY_BARS:
            return max(due, settled), ""
        if window is Window.EXPIRY_CHECK and not self.expiring(day):
            return None, "no selected contract expires"
        if due < session.close or not session.early_close or window is Window.PRE_MARKET:
            return due, ""
        if window is Window.EXPIRY_CHECK:
            distance = _at(day, REGULAR_CLOSE, NEW_YORK) - due
            early = self.calendar.session("", day).close  # no product's: the exchange's own
            return early - distance, "early close: as long before the close as usual"
        return None, "early close: the session is over by then"


def _at(day: date, moment: time, zone: ZoneInfo) -> datetime:
    """Return a wall-clock time as an instant; one that the clocks skip counts by the offset before the change."""
    return datetime.combine(day, moment, zone).astimezone(UTC)


def first_after(moment: time, zone: ZoneInfo, instant: datetime) -> datetime:
    """Return the first instant after another at which the clocks of a zone show a time."""
    day = instant.astimezone(zone).date()
    return next(at for n in range(3) if (at := _at(day + timedelta(days=n), moment, zone)) > instant)


def _is_next_weekday(before: date, day: date) -> bool:
    return day - before == timedelta(days=3 if before.weekday() == _FRIDAY else 1)
