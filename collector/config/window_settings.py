"""Settings of windows, and of days that the calendar lacks.

When each window is due, what it asks for, until when, and with what priority; on which days the exchange is shut or
closes early although its calendar does not know.
"""

import datetime as dt
import re
from collections.abc import Sequence
from datetime import time, timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from collector.config.collection_settings import Symbol, split_names
from collector.config.section import Section, TimeOfDay, Zone
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.run_vocabulary import BUILT_IN, Asks, Role, Scope, Window

_LENGTH = re.compile(r"^([1-9]\d{0,3}) ?(m|min|h)$")
_NAMED_SPANS = ("none", "session", "today", "unsettled")
_ROLES = {"none": None, "session": Role.CLOSING, "unsettled": Role.REPAIRING}
"""What a span makes of a window; all other spans lie inside the session."""

_NAME = re.compile(r"[a-z0-9_]{1,30}")


class Weekday(StrEnum):
    """Days of the week, Monday first."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


WEEKDAYS = tuple(Weekday)


_LONGEST = timedelta(hours=24)


def _is_span(text: str) -> str:
    if text not in _NAMED_SPANS and not timedelta() < _length(text) <= _LONGEST:
        raise ValueError(f"should be one of {', '.join(_NAMED_SPANS)}, or a length such as 30m or 3h, 24h at most")
    return text


def _length(span: str) -> timedelta:
    """Return how long a span is, nothing for one that is no length."""
    match = _LENGTH.match(span)
    if match is None:
        return timedelta()
    return timedelta(hours=int(match[1])) if match[2] == "h" else timedelta(minutes=int(match[1]))


def _role(span: str) -> Role | None:
    """Return what a span makes of a window; None: it fetches no bars."""
    return _ROLES.get(span, Role.INTRADAY)


class WindowSettings(Section):
    """One window.

    time, zone: when it is due, wall-clock time. weekdays: on which days, in its own zone; sessions and holidays
    decide beyond that. span: `30m`, `3h` (only the end), `today` (from the open on), `session`, `unsettled` (what is
    missing of the last sessions), `none` (nothing is asked). deadline: when what is left is deferred: `successor`
    (the next window's start), `none`, or a wall-clock time in the window's zone. priority: the higher first when
    several are due. symbols: only these; empty means all.
    """

    enabled: bool = True
    time: TimeOfDay
    zone: Zone = "America/New_York"
    weekdays: tuple[Weekday, ...] = WEEKDAYS[:5]
    span: str = "none"
    scope: Scope = Scope.ALL
    asks: Asks = Asks.NOT_SETTLED
    deadline: str = "successor"
    priority: int = Field(default=50, ge=0, le=100)
    symbols: tuple[Symbol, ...] = ()

    _split = field_validator("symbols", "weekdays", mode="before")(split_names)
    _span = field_validator("span")(_is_span)

    @field_validator("weekdays")
    @classmethod
    def _in_order(cls, weekdays: tuple[Weekday, ...]) -> tuple[Weekday, ...]:
        return tuple(day for day in WEEKDAYS if day in weekdays)

    @field_validator("deadline")
    @classmethod
    def _known_deadline(cls, deadline: str) -> str:
        if deadline in ("successor", "none"):
            return deadline
        try:
            return f"{time.fromisoformat(deadline):%H:%M}"
        except ValueError:
            raise ValueError("should be `successor`, `none` or a time such as 15:30") from None

    @property
    def length(self) -> timedelta | None:
        """Return the span's length; None where it has a name."""
        return _length(self.span) or None

    @property
    def asks_for_bars(self) -> bool:
        """Tell whether bars are asked for."""
        return self.span != "none"

    @property
    def role(self) -> Role | None:
        """Return what the span makes of the window; None: it fetches no bars."""
        return _role(self.span)


_NEAR: dict[str, Any] = {"scope": Scope.EXPIRING_AND_NEAR, "asks": Asks.NOT_COVERED}
_ISRAEL = "Asia/Jerusalem"

DEFAULTS: dict[Window, dict[str, Any]] = {
    Window.PRE_MARKET: {"enabled": False, "time": "06:30", "priority": 15},
    Window.MORNING: {"time": "10:00", "span": "30m", "priority": 30, **_NEAR},
    Window.MIDDAY: {"time": "12:30", "span": "3h", "priority": 40, **_NEAR},
    Window.AFTERNOON: {"enabled": False, "time": "14:30", "span": "5h", "priority": 50, **_NEAR},
    Window.EXPIRY_CHECK: {
        "time": "15:00",
        "span": "today",
        "scope": Scope.EXPIRING,
        "asks": Asks.NOT_COVERED,
        "priority": 90,
    },
    Window.EOD: {"time": "16:45", "span": "session", "priority": 100},
    Window.LATE_NIGHT: {
        "time": "01:00",
        "zone": _ISRAEL,
        "weekdays": WEEKDAYS[1:6],
        "span": "unsettled",
        "priority": 80,
    },
    Window.GAP_CHECK: {"time": "08:00", "zone": _ISRAEL, "priority": 20},
    Window.CHAIN_REFRESH: {"time": "18:00", "weekdays": ("sun",), "priority": 60},
    Window.DAILY_BARS: {"time": "17:30", "span": "unsettled", "priority": 70},
    Window.BACKUP: {"time": "02:00", "weekdays": WEEKDAYS[1:6], "priority": 12},
    Window.ARCHIVE: {"time": "03:00", "weekdays": WEEKDAYS[1:6], "priority": 11},
    Window.WEEKLY: {"time": "12:00", "zone": _ISRAEL, "weekdays": ("sat",), "priority": 10},
}
"""Every built-in window that is scheduled, the backup and the archive's pass among them."""

_BUILT_IN = {window: WindowSettings(**settings) for window, settings in DEFAULTS.items()}


def _is_name(name: str) -> str:
    """Refuse what is no name for a window of the owner's."""
    if name in BUILT_IN:  # those that are scheduled are fields
        raise PydanticCustomError("window_name", "is run by hand alone, and has no time")
    if not _NAME.fullmatch(name):
        raise PydanticCustomError(
            "window_name", "is no name for a window: write up to 30 lower-case letters, digits and underscores"
        )
    return name


def _completed(given: Any) -> Any:  # noqa: ANN401 - pydantic hands over whatever was written
    """Return what was written of the owner's window, with what it usually asks for.

    Refuses one that lacks what only the owner can say: most likely the name of a built-in one is misspelt.
    """
    if isinstance(given, WindowSettings):
        return given
    lacking = [key for key in ("time", "span") if not isinstance(given, dict) or key not in given]
    if lacking:
        raise PydanticCustomError(
            "unknown_window",
            "as a window of your own it lacks {lacking}",
            {"lacking": " and ".join(f"`{key}`" for key in lacking)},
        )
    usual = Asks.NOT_COVERED if _role(str(given["span"])) is Role.INTRADAY else Asks.NOT_SETTLED
    return {"asks": usual, **given}


def _asks_for_bars(window: WindowSettings) -> WindowSettings:
    if not window.asks_for_bars:
        raise ValueError("should have another span than none: a window of your own fetches bars")
    return window


def _default(window: Window) -> Any:  # noqa: ANN401 - pydantic's own return type
    return Field(default=_BUILT_IN[window])


class WindowsSettings(Section):
    """All windows: the built-in ones, which keep their defaults where nothing is written, and the owner's."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[
        Annotated[str, AfterValidator(_is_name)],
        Annotated[WindowSettings, BeforeValidator(_completed), AfterValidator(_asks_for_bars)],
    ] = Field(init=False)

    pre_market: WindowSettings = _default(Window.PRE_MARKET)
    morning: WindowSettings = _default(Window.MORNING)
    midday: WindowSettings = _default(Window.MIDDAY)
    afternoon: WindowSettings = _default(Window.AFTERNOON)
    expiry_check: WindowSettings = _default(Window.EXPIRY_CHECK)
    eod: WindowSettings = _default(Window.EOD)
    late_night: WindowSettings = _default(Window.LATE_NIGHT)
    gap_check: WindowSettings = _default(Window.GAP_CHECK)
    chain_refresh: WindowSettings = _default(Window.CHAIN_REFRESH)
    daily_bars: WindowSettings = _default(Window.DAILY_BARS)
    backup: WindowSettings = _default(Window.BACKUP)
    archive: WindowSettings = _default(Window.ARCHIVE)
    weekly: WindowSettings = _default(Window.WEEKLY)

    @model_validator(mode="before")
    @classmethod
    def _onto_defaults(cls, given: Any) -> Any:  # noqa: ANN401 - pydantic hands over whatever was written
        if not isinstance(given, dict):
            return given
        known = {str(window): settings for window, settings in DEFAULTS.items()}
        return {
            name: {**known[name], **window} if name in known and isinstance(window, dict) else window
            for name, window in given.items()
        }

    def __getitem__(self, window: Window) -> WindowSettings:
        """Return a scheduled window's settings.

        Raises:
            KeyError: the window is not scheduled: it is manual, or in no line of the configuration.
        """
        if window not in DEFAULTS:
            return self.own[window]
        found: WindowSettings = getattr(self, window.value)
        return found

    @property
    def own(self) -> dict[Window, WindowSettings]:
        """Return the owner's windows, in the order in which they were written."""
        return {Window(name): settings for name, settings in (self.model_extra or {}).items()}

    @property
    def known(self) -> frozenset[Window]:
        """Return every window that has a meaning here, the one that runs by hand included.

        What a table calls a window may be none of them: an earlier configuration, a newer version or an earlier system
        may have written it.
        """
        return BUILT_IN | self.own.keys()

    @property
    def enabled(self) -> dict[Window, WindowSettings]:
        """Return the windows that are on: the built-in ones in the order above, then the owner's."""
        return {window: self[window] for window in (*DEFAULTS, *self.own) if self[window].enabled}

    def role(self, window: Window) -> Role | None:
        """Return what a window does for a session's contracts; None: nothing, it runs by hand, or it is not known.

        A built-in one keeps its role, whatever span it is given.
        """
        if window is Window.DAILY_BARS:
            return None
        settings = _BUILT_IN.get(window) or self.own.get(window)
        return None if settings is None else settings.role


OPEN, CLOSE = time(9, 30), time(16, 0)
"""Of the exchange on a full day, New York."""


class Closure(Section):
    """A day on which the exchange is shut, although its calendar has a session. reason: what follows "closed for"."""

    date: dt.date
    reason: str = Field(min_length=1, max_length=200)


class EarlyClose(Section):
    """A session that ends early, although its calendar has a full day. time: of stocks, New York; reason: in words."""

    date: dt.date
    reason: str = Field(min_length=1, max_length=200)
    time: TimeOfDay

    @field_validator("time")
    @classmethod
    def _inside_a_session(cls, at: dt.time) -> dt.time:
        slot = OPTION_BARS_5MIN.bar_size
        if timedelta(minutes=at.minute, seconds=at.second, microseconds=at.microsecond) % slot:
            raise ValueError(f"{at} ends no 5-minute bar; write it on the 5-minute grid, such as 13:00")
        if not OPEN < at < CLOSE:
            raise ValueError(f"{at:%H:%M} is not inside a session, {OPEN:%H:%M} to {CLOSE:%H:%M} New York")
        return at


def dated_once(entries: Sequence[Closure | EarlyClose]) -> None:
    """Refuse a date that is named twice.

    Raises:
        ValueError: one is.
    """
    days = [entry.date for entry in entries]
    twice = next((day for day in days if days.count(day) > 1), None)
    if twice is not None:
        raise ValueError(f"{twice} is named twice")
