"""Orders: what one run is asked to do."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from collector.config import Settings
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.errors import UsageError
from collector.domain.market_data.data_sets import (
    DAY,
    OPTION_BARS_5MIN,
    UNDERLYING_BARS_5MIN,
    DataSet,
    InstrumentKind,
)
from collector.domain.market_data.instruments import WhatToShow
from collector.domain.market_data.sessions import Session
from collector.domain.market_data.spans import Span, Spans
from collector.domain.run_vocabulary import OVER_SESSIONS, READS_CHAINS, SAVING, Asks, Scope, Window
from collector.market.calendar import Calendar


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One window for one session date.

    day: the session's date, also after midnight in Israel. span: only the session's end, this long; None: all of it.
    force: ask again for what is settled. deadline: when the next window begins; None: no limit. scheduled: when it was
    due. sessions_back: how many earlier sessions are looked at too. unsettled: so is every still earlier one on which
    something is missing; `older`, once they are known. history: select the living contracts for those sessions as well
    (backfill). fill_columns: ask once more for what is settled and lacks columns that a later version keeps, and for
    nothing else. confirming: its window has run; what awaits a second witness is asked again. data_sets: what it
    collects; the run is measured by the first. sessions: those that it looks at, by symbol, whole and ascending, once
    they are looked up (`contract_scope.dated`); since: the first of them that follow each other without those that only
    rotation looks at, `older` ones come before it.
    """

    window: Window
    day: date
    symbols: tuple[str, ...]
    asks: Asks = Asks.NOT_SETTLED
    scope: Scope = Scope.ALL
    span: timedelta | None = None
    force: bool = False
    scheduled: datetime | None = None
    deadline: datetime | None = None
    sessions_back: int = 0
    unsettled: bool = False
    older: tuple[date, ...] = ()
    history: bool = False
    fill_columns: bool = False
    confirming: bool = False
    data_sets: tuple[DataSet, ...] = (OPTION_BARS_5MIN, UNDERLYING_BARS_5MIN)
    since: date | None = None
    sessions: Mapping[str, tuple[Session, ...]] = field(default_factory=dict, compare=False, repr=False)

    @property
    def option_bars(self) -> tuple[DataSet, ...]:
        """Return what it collects of contracts."""
        return tuple(one for one in self.data_sets if one.kind is InstrumentKind.OPTION)

    @property
    def underlying_bars(self) -> tuple[DataSet, ...]:
        """Return what it collects of underlyings; what proves that a time has come is before bars of a day."""
        own = (one for one in self.data_sets if one.kind is InstrumentKind.UNDERLYING)
        return tuple(sorted(own, key=lambda one: one.bar_size >= DAY))

    def session(self, symbol: str) -> Session:
        """Return a symbol's session of the order's day, whole."""
        return next(one for one in self.sessions[symbol] if one.day == self.day)

    def own(self, symbol: str) -> tuple[Session, ...]:
        """Return a symbol's whole sessions, without earlier ones that only rotation looks at; ascending."""
        since = self.since or self.day
        return tuple(one for one in self.sessions[symbol] if one.day in self.older or one.day >= since)

    def parts(self, symbol: str, now: datetime) -> tuple[Session, ...]:
        """Return what can be asked for now of a symbol's sessions: slots that are over; ascending."""
        found = (clipped(self.data_sets[0], session, self.span, now) for session in self.sessions[symbol])
        return tuple(part for part in found if part is not None)

    def whole(self, symbol: str, parts: Iterable[Session]) -> list[Session]:
        """Return the whole sessions that parts of them belong to, in their order."""
        by_day = {session.day: session for session in self.sessions[symbol]}
        return [by_day[part.day] for part in parts]

    @property
    def day_span(self) -> Span:
        """The order's session day, from the first open of its symbols to their last close."""
        sessions = [self.session(symbol) for symbol in self.symbols]
        return Span(min(session.open for session in sessions), max(session.close for session in sessions))

    @property
    def slots(self) -> int:
        """How many slots that day has."""
        spans = (self.data_sets[0].span(self.session(symbol)) for symbol in self.symbols)
        return self.data_sets[0].count(Spans(spans))


STARTED_BY = {Window.GAP_FILL: "gaps fill", Window.BACKFILL: "backfill"}
"""The commands of the windows that are about many sessions."""


def command_of(order: Order) -> str:
    """Return the command line that asks for what an order asks for."""
    symbols = "" if order.window in SAVING else f" --symbols {','.join(order.symbols)}"
    if order.window not in STARTED_BY:
        return f"collector run --window {order.window} --date {order.day}{symbols}"
    first = order.since or order.day
    more = f" --since {first}"
    if order.unsettled:
        more = ""
    elif order.window is Window.BACKFILL:
        more = f" --days {max((order.day - first).days, 1)}"
        more += " --fill-columns" if order.fill_columns else ""
        more += "" if order.option_bars else f" --data-set {order.data_sets[0].name}"
    return f"collector {STARTED_BY[order.window]}{more}{symbols}"


def collected_by(window: Window, settings: Settings) -> tuple[DataSet, ...]:
    """Return what a window collects: bars of a day in a window of their own, after the others."""
    daily = window is Window.DAILY_BARS
    return tuple(one for one in settings.data_sets if (one.bar_size >= DAY) is daily)


def history_of(name: str, settings: Settings) -> DataSet:
    """Return the data set of underlyings that a person names for a backfill.

    Raises:
        UsageError: there is none of the name, or the configuration does not collect it.
    """
    known = {one.name: one for one in settings.data_sets if one.kind is InstrumentKind.UNDERLYING}
    if name not in known:
        raise UsageError(
            f"{name!r} is no kind of bars of underlyings that is collected",
            f"Choose among {', '.join(known)}; `underlying_bars` in config.yaml says which sizes are collected.",
        )
    return known[name]


def clipped(data_set: DataSet, session: Session, length: timedelta | None, now: datetime) -> Session | None:
    """Return the part of a session that can be asked for now: slots that are over, the last `length` of them.

    The bounds stay on the data set's grid. None when no slot is over yet.
    """
    end = data_set.ended(session, now)
    start = data_set.span(session).start if length is None else data_set.slot_of(end - length)
    return data_set.part(session, start, end)


def order_for(
    window: Window,
    settings: Settings,
    calendar: Calendar,
    now: datetime,
    *,
    day: date | None = None,
    symbols: tuple[str, ...] = (),
    span: timedelta | None = None,
    force: bool = False,
) -> Order:
    """Return the order of a window as a person or a timer gives it.

    Args:
        window: which window.
        settings: its span, scope and symbols.
        calendar: the exchange's.
        now: the current instant.
        day: the session's date; None is the session that is open or was the last to open.
        symbols: these instead of the configured ones.
        span: only the end of the session, this long, instead of the window's own.
        force: ask again for what is settled.

    Raises:
        NotASession: the date is no trading day; the message says why.
        UsageError: the date is in the future, or its session has not opened; or the window has nothing to collect, or
            has a command of its own.
    """
    if window in OVER_SESSIONS:
        raise UsageError(f"{window} is about many sessions", f"Its own command: collector {STARTED_BY[window]} --help")
    chosen = day or calendar.last_opened(now)
    opens = calendar.session("SPY", chosen).open
    if opens > now and window not in READS_CHAINS:
        when = "is in the future" if chosen > now.astimezone(NEW_YORK).date() else "has not opened yet"
        raise UsageError(
            f"the session of {chosen} {when}", f"The last one that has opened is {calendar.last_opened(now)}."
        )
    if window is Window.MANUAL:
        return Order(
            window=window,
            day=chosen,
            symbols=symbols or settings.symbol_names,
            span=span,
            force=force,
            data_sets=collected_by(window, settings),
        )
    rules = settings.windows[window]
    if not collected_by(window, settings):
        raise UsageError("no bars of a day are collected", 'Add "1 day" to `underlying_bars` in config.yaml.')
    return Order(
        window=window,
        day=chosen,
        symbols=symbols or rules.symbols or settings.symbol_names,
        asks=rules.asks,
        scope=rules.scope,
        span=span or rules.length,
        force=force,
        sessions_back=settings.repair.late_night_sessions - 1 if rules.span == "unsettled" else 0,
        unsettled=rules.span == "unsettled",
        data_sets=collected_by(window, settings),
    )


def fill_order(
    settings: Settings, calendar: Calendar, now: datetime, since: date | None, symbols: tuple[str, ...] = ()
) -> Order:
    """Return the order that asks for every unsettled slot since a session; None: wherever anything is missing.

    Raises:
        UsageError: the date is in the future.
    """
    day = calendar.last_opened(now)
    if since is None:
        back = settings.repair.late_night_sessions - 1
    elif since > day:
        raise UsageError(f"{since} is after the last session", f"The last one that has opened is {day}.")
    else:
        back = len(calendar.days(since, day)) - 1
    chosen = symbols or settings.symbol_names
    return Order(
        window=Window.GAP_FILL,
        day=day,
        symbols=chosen,
        sessions_back=max(back, 0),
        unsettled=since is None,
        data_sets=settings.data_sets,
    )


def backfill_order(
    settings: Settings,
    calendar: Calendar,
    now: datetime,
    days: int,
    symbols: tuple[str, ...] = (),
    data_set: DataSet | None = None,
) -> Order:
    """Return the order that fetches history, some calendar days back.

    Args:
        settings: the symbols.
        calendar: the exchange's.
        now: the current instant.
        days: how many calendar days back.
        symbols: these instead of the configured ones.
        data_set: of underlyings; None: the history of the living contracts, with their underlyings'.
    """
    day = calendar.last_opened(now)
    back = len(calendar.days(day - timedelta(days=days), day)) - 1
    return Order(
        window=Window.BACKFILL,
        day=day,
        symbols=symbols or settings.symbol_names,
        sessions_back=max(back, 0),
        history=True,
        data_sets=collected_by(Window.BACKFILL, settings) if data_set is None else (data_set,),
    )


def fill_columns_order(
    settings: Settings, calendar: Calendar, now: datetime, days: int, symbols: tuple[str, ...] = ()
) -> Order:
    """Return the order that asks once more for quotes that were stored by their close alone, some calendar days back.

    No further back than IB is counted on to remember them.
    """
    day = calendar.last_opened(now)
    first = day - min(timedelta(days=days), OPTION_BARS_5MIN.depths[WhatToShow.BID])
    back = len(calendar.days(first, day)) - 1
    chosen = symbols or settings.symbol_names
    return Order(window=Window.BACKFILL, day=day, symbols=chosen, sessions_back=max(back, 0), fill_columns=True)
