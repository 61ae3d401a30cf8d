"""Trading sessions: the exchange's days with each product's own close."""

import bisect
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from typing import Self

from collector.config import Settings
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.errors import NotASession, UsageError
from collector.domain.market_data.data_sets import DAY, DataSet
from collector.domain.market_data.sessions import Session
from collector.domain.market_data.spans import Span, Spans
from collector.market.exchange import FIRST_DAY, LAST_DAY, ExchangeDays, corrected, exchange_days

REGULAR_CLOSE = time(16, 0)
"""The exchange's own close on a full day, New York."""

LATE_CLOSE = time(16, 15)
"""The close of the options of LATE_CLOSE_PRODUCTS on a full day, New York; on early-close days 13:15."""

_LATE_CLOSE_NAMES = """
    SPY QQQ IWM DIA MDY OEF IWN IWO IWV EEM EFA FXI SMH OIH MOO SLX KBE KRE XHB XME XOP XRT
    XLB XLC XLE XLF XLI XLK XLP XLRE XLU XLV XLY AGG BND HYG JNK LQD TLT TBT
    DBA DBB DBC DBO GLD SLV UNG USO UUP UVXY VIXY VXX SVXY SPX NDX RUT VIX XSP
"""  # broad ETFs, sector funds, bond funds, commodities, volatility, index options (the exchanges' product pages)

LATE_CLOSE_PRODUCTS = frozenset(_LATE_CLOSE_NAMES.split())
"""Products whose options trade a quarter of an hour longer than equity options."""


class Calendar:
    """Sessions of New York's exchange, per product.

    Nothing is read or imported before the first question.

    Args:
        closes: products whose regular close differs from the tables above -> that close, New York. On early-close
            days the product closes as much later than 13:00 as it closes after 16:00 on a full day.
        closures: days on which the exchange is shut, although its calendar has a session -> why.
        early_closes: sessions that end early, although its calendar has a full day -> when, New York.
        cache_dir: where the exchange's days are cached; None is the per-user cache directory.
    """

    def __init__(
        self,
        closes: Mapping[str, time] | None = None,
        *,
        closures: Mapping[date, str] | None = None,
        early_closes: Mapping[date, time] | None = None,
        cache_dir: Path | None = None,
    ) -> None:
        self._closes = {symbol.upper(): close for symbol, close in (closes or {}).items()}
        self._closures, self._early_closes = closures or {}, early_closes or {}
        self._cache_dir = cache_dir

    @classmethod
    def configured(cls, settings: Settings) -> Self:
        """Return the calendar with what the configuration knows better.

        Raises:
            ConfigurationError: a closure or an early close is of no session.
        """
        calendar = cls(
            settings.closes,
            closures={one.date: one.reason for one in settings.closures},
            early_closes={one.date: one.time for one in settings.early_closes},
        )
        if settings.closures or settings.early_closes:
            _ = calendar._exchange  # read now: what is wrong is said before anything is done
        return calendar

    @cached_property
    def _exchange(self) -> ExchangeDays:
        return corrected(exchange_days("XNYS", self._cache_dir), self._closures, self._early_closes)

    @cached_property
    def _days(self) -> list[date]:
        return list(self._exchange.hours)

    def regular_close(self, symbol: str) -> time:
        """Return a product's close on a full day, New York."""
        name = symbol.upper()
        return self._closes.get(name, LATE_CLOSE if name in LATE_CLOSE_PRODUCTS else REGULAR_CLOSE)

    def is_session(self, day: date) -> bool:
        """Tell whether the exchange trades on that date."""
        return day in self._exchange.hours

    def number(self, day: date) -> int:
        """Return how many sessions the calendar knows before a date (any date); one more from session to session."""
        self._check(day)
        return bisect.bisect_left(self._days, day)

    def is_early_close(self, day: date) -> bool:
        """Tell whether the exchange closes early on that date."""
        return day in self._exchange.early

    def holiday(self, day: date) -> str | None:
        """Return the name of the holiday that closes the exchange on that weekday, else None."""
        return self._exchange.holidays.get(day)

    def session(self, symbol: str, day: date) -> Session:
        """Return a product's session of a date.

        Raises:
            NotASession: the exchange is closed on that date; the message says why.
            UsageError: the date is outside the years that the calendar knows.
        """
        self._check(day)
        if day not in self._exchange.hours:
            raise NotASession(f"{day} is no trading session: {self.why_closed(day)}.", self._neighbours(day))
        opens, closes = self._exchange.hours[day]
        later = timedelta(hours=self.regular_close(symbol).hour, minutes=self.regular_close(symbol).minute)
        later -= timedelta(hours=REGULAR_CLOSE.hour, minutes=REGULAR_CLOSE.minute)
        following = self._exchange.hours[self.next(day)][0]
        return Session(day, opens, closes + later, following, early_close=self.is_early_close(day))

    def require_slot(self, symbol: str, data_set: DataSet, slot: datetime) -> None:
        """Refuse the start of a slot (aware) that lies in no session of a product.

        Raises:
            NotASession: the exchange is closed on that date.
            UsageError: the slot is outside the session, or its date outside the years that the calendar knows.
        """
        session = self.session(symbol, data_set.day_of(slot, NEW_YORK))
        if slot not in data_set.span(session):
            opens, closes = (f"{one.astimezone(NEW_YORK):%H:%M}" for one in (session.open, session.close))
            raise UsageError(
                f"{slot.astimezone(NEW_YORK):%Y-%m-%d %H:%M} in New York is outside the session of {symbol}",
                f"On {session.day} it goes from {opens} to {closes}, New York.",
            )

    def sessions(self, symbol: str, first: date, last: date) -> tuple[Session, ...]:
        """Return a product's sessions from `first` to `last`, both included, ascending."""
        return tuple(self.session(symbol, day) for day in self.days(first, last))

    def days(self, first: date, last: date) -> tuple[date, ...]:
        """Return the session dates from `first` to `last`, both included, ascending."""
        self._check(first)
        self._check(last)
        return tuple(self._days[bisect.bisect_left(self._days, first) : bisect.bisect_right(self._days, last)])

    def previous(self, day: date) -> date:
        """Return the last session date before a date (any date)."""
        self._check(day)
        at = bisect.bisect_left(self._days, day)
        if at == 0:
            raise UsageError(f"The calendar knows no session before {day}.")
        return self._days[at - 1]

    def next(self, day: date) -> date:
        """Return the first session date after a date (any date)."""
        self._check(day)
        at = bisect.bisect_right(self._days, day)
        if at == len(self._days):
            raise UsageError(f"The calendar knows no session after {day}.")
        return self._days[at]

    def last_completed(self, now: datetime, symbol: str) -> Session:
        """Return a product's most recent session that has closed at `now` (aware)."""
        day = now.astimezone(NEW_YORK).date()
        if self.is_session(day):
            today = self.session(symbol, day)
            if today.close <= now:
                return today
        return self.session(symbol, self.previous(day))

    def last_opened(self, now: datetime) -> date:
        """Return the date of the session that is open at `now` (aware) or was the last to open."""
        day = now.astimezone(NEW_YORK).date()
        if self.is_session(day) and self._exchange.hours[day][0] <= now:
            return day
        return self.previous(day)

    def current(self, now: datetime, symbol: str) -> Session | None:
        """Return a product's session that is open at `now` (aware), else None."""
        day = now.astimezone(NEW_YORK).date()
        if not self.is_session(day):
            return None
        today = self.session(symbol, day)
        return today if now in today.span else None

    @property
    def closures(self) -> tuple[date, ...]:
        """Return the days that are no sessions only because the owner says so, ascending."""
        return tuple(sorted(self._closures))

    def closed(self, data_set: DataSet, symbol: str) -> Spans:
        """Return when a product has no session only because the owner says so: whole days, and ends of days."""
        spans = [_day_of(data_set, day) for day in self._closures]
        if data_set.bar_size < DAY:
            early = self._early_closes
            spans += [Span(self.session(symbol, day).close, _day_of(data_set, day).end) for day in early]
        return Spans(spans)

    def why_closed(self, day: date) -> str:
        """Return in words why the exchange does not trade on a date: a weekday's name or a holiday's."""
        named = self._exchange.holidays.get(day)
        return f"it is a {day:%A}" if named is None else f"the exchange is closed for {named}"

    def _neighbours(self, day: date) -> str:
        return f"The sessions next to it are {self.previous(day)} and {self.next(day)}."

    @staticmethod
    def _check(day: date) -> None:
        if not FIRST_DAY <= day < LAST_DAY:
            raise UsageError(f"{day} is outside the calendar, which knows {FIRST_DAY} to {LAST_DAY}.")


def _day_of(data_set: DataSet, day: date) -> Span:
    """Return the day in which a data set's slots of a session lie: New York's, or UTC's for bars of a day."""
    zone = UTC if data_set.bar_size >= DAY else NEW_YORK
    first, last = (datetime.combine(one, time(), zone).astimezone(UTC) for one in (day, day + timedelta(days=1)))
    return Span(first, last)
