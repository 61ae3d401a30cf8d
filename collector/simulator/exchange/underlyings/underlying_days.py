"""Bars of underlyings, a session at a time."""

from collections.abc import Iterable, Sequence
from datetime import date
from fractions import Fraction
from functools import lru_cache

from collector.simulator.exchange import series, sessions
from collector.simulator.exchange.listings import Stock
from collector.simulator.exchange.revisions import Revision, in_force, revised
from collector.simulator.exchange.series import SeriesArrays
from collector.simulator.exchange.sessions import SLOT_S, Session
from collector.simulator.exchange.underlyings.corporate_actions import Adjustments, CorporateAction, in_shares
from collector.simulator.exchange.underlyings.paths import SLOT_MINUTES, DayPath, Paths

DAY_S = 86_400
"""Seconds from which on a bar is a session."""

_MINUTE_S = 60
_DAYS_KEPT, _SESSIONS_KEPT = 1024, 32_768
"""Days of 5-minute bars, and daily bars, in memory: about 6 and 1 kB each."""


class UnderlyingDays:
    """The bars of underlyings.

    Args:
        paths: the underlyings' paths.
        stocks: the underlyings.
        actions: their splits and dividends.
        revisions: the corrections that were announced; more may come.
    """

    def __init__(
        self, paths: Paths, stocks: Iterable[Stock], actions: Sequence[CorporateAction], revisions: Sequence[Revision]
    ) -> None:
        self._paths, self._revisions = paths, revisions
        self._adjustments = {stock: Adjustments(stock, actions, paths) for stock in stocks}
        self._slots = lru_cache(maxsize=_DAYS_KEPT)(self._compute_slots)

    def traded(self, stock: Stock, day: date) -> DayPath:
        """Return what trades on a session, in the shares of that day.

        Raises:
            KeyError: the day is no session.
        """
        return self._adjustments[stock].traded(self._paths.day(stock, day))

    def previous_close(self, stock: Stock, day: date) -> float:
        """Return the price at the end of the session before a day, USD, in the shares of that day."""
        return self._paths.close(stock, sessions.previous_session(day)) / float(self._adjustments[stock].shares(day))

    def bars(
        self, stock: Stock, day: date, what_to_show: str, bar_s: int, now: int, *, use_rth: bool, complete: bool
    ) -> SeriesArrays | None:
        """Return the bars of a day, None when there is no such series.

        Args:
            stock: the underlying.
            day: a date in New York.
            what_to_show: the series; VOLATILITY_INDEX is the index of its volatility.
            bar_s: seconds of a bar; from a day on, the session is one.
            now: how much of it has happened and how it is told: epoch seconds.
            use_rth: only the equity session, which ends at 16:00 (13:00).
            complete: without the bar that is still forming.
        """
        session = sessions.session(day, late_close=stock.late_close)
        if session is None or session.open >= now:
            return series.empty()
        close = session.regular_close if use_rth else session.close
        minutes = (min(now, close) - session.open) // _MINUTE_S
        if complete:
            minutes -= minutes % min(max(bar_s // _MINUTE_S, 1), (close - session.open) // _MINUTE_S)
        if minutes == 0:
            return series.empty()
        told = "TRADES" if what_to_show == "ADJUSTED_LAST" else what_to_show
        if bar_s < DAY_S:
            bars = self._within(stock, session, told, bar_s, minutes, now)
        elif in_force(self._revisions, stock.con_id, told, day, now):
            slots = self._within(stock, session, told, SLOT_S, minutes, now)
            bars = None if slots is None else series.session_bar(slots)
        else:
            bars = _session_bar(self._paths, stock, day, self._adjustments[stock].shares(day), told, minutes)
        return None if bars is None else self._adjustments[stock].adjusted(bars, day, what_to_show, now)

    def _within(
        self, stock: Stock, session: Session, what_to_show: str, bar_s: int, minutes: int, now: int
    ) -> SeriesArrays | None:
        """Return bars of less than a day of the first minutes of a session, as they traded."""
        size = max(bar_s // _MINUTE_S, 1)
        if size == SLOT_MINUTES and minutes % SLOT_MINUTES == 0:
            bars = self._slots(stock, session.day, what_to_show)
            bars = None if bars is None else bars.between(session.open, session.open + minutes * _MINUTE_S)
        else:
            bars = series.stock_series(self.traded(stock, session.day), what_to_show, minutes, size)
        if bars is None:
            return None
        bars = revised(self._revisions, bars, stock.con_id, what_to_show, session.day, now, penny=True)
        return series.shifted(bars, _MINUTE_S - bar_s) if bar_s < _MINUTE_S else bars

    def _compute_slots(self, stock: Stock, day: date, what_to_show: str) -> SeriesArrays | None:
        path = self.traded(stock, day)
        return series.stock_series(path, what_to_show, path.session.slots * SLOT_MINUTES, SLOT_MINUTES)


@lru_cache(maxsize=_SESSIONS_KEPT)
def _session_bar(
    paths: Paths, stock: Stock, day: date, shares: Fraction, what_to_show: str, minutes: int
) -> SeriesArrays | None:
    """Return the first minutes of a session as one bar; markets of the same seed share it."""
    # Not the paths that are kept: years of daily bars would drive out the days that others ask for.
    path = in_shares(paths.draw(stock, day), shares)
    return series.stock_series(path, what_to_show, minutes, minutes)
