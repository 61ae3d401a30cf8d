"""Opens, closes and holidays of the exchange.

The exchange's own calendar as plain values: opens, closes and the names of its holidays.

exchange_calendars needs pandas (a second of start-up and some 70 MB), so it is asked once per version; its answer is
kept in the per-user cache directory as a few kilobytes of JSON. A cache that cannot be read or written is done without.
"""

import json
import os
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from importlib.metadata import version
from pathlib import Path

import platformdirs

from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.errors import ConfigurationError

FIRST_DAY = date(2016, 1, 1)
LAST_DAY = date(2036, 12, 31)

_NAMES = {
    "Christmas": "Christmas Day",
    "July 4th": "Independence Day",
    "Juneteenth National Independence Day": "Juneteenth",
    "Dr. Martin Luther King Jr. Day": "Martin Luther King Jr. Day",
    "President's Day": "Washington's Birthday (Presidents' Day)",
    "Thanksgiving": "Thanksgiving Day",
}
"""The names in common use, where exchange_calendars has another."""

_FIXED_DATES = {"New Year's Day": (1, 1), "Juneteenth": (6, 19), "Independence Day": (7, 4), "Christmas Day": (12, 25)}

_SPECIAL = "a special closure"
_CORRECT = "Correct the entry in config.yaml, or take it out."
_SPECIAL_CLOSURES = {
    date(2018, 12, 5): "the national day of mourning for George H. W. Bush",
    date(2025, 1, 9): "the national day of mourning for Jimmy Carter",
}


@dataclass(frozen=True, slots=True)
class ExchangeDays:
    """What one exchange does between FIRST_DAY and LAST_DAY.

    hours: session date -> (open, close) of the exchange itself, aware UTC, ascending. early: its early-close days.
    holidays: weekdays without a session -> why, in words.
    """

    hours: dict[date, tuple[datetime, datetime]]
    early: frozenset[date]
    holidays: dict[date, str]


def exchange_days(exchange: str, cache_dir: Path | None = None) -> ExchangeDays:
    """Return an exchange's days, from the cache where it has them.

    Args:
        exchange: the exchange_calendars code, XNYS for New York.
        cache_dir: where the cache lies; None is the per-user cache directory.
    """
    folder = cache_dir or platformdirs.user_cache_path("collector")
    path = folder / f"{exchange}-{version('exchange_calendars')}-{FIRST_DAY.year}-{LAST_DAY.year}.json"
    try:
        return _decode(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError):
        days = _ask(exchange)
    _keep(path, _encode(days))
    return days


def corrected(days: ExchangeDays, closures: Mapping[date, str], early_closes: Mapping[date, time]) -> ExchangeDays:
    """Return an exchange's days with what its owner knows better: closures with their reasons, early closes.

    What the calendar has learned since, as a special closure or at the same early hour, is no contradiction.

    Args:
        days: as the calendar package knows them.
        closures: session date -> why the exchange is shut.
        early_closes: session date -> when it closes, New York.

    Raises:
        ConfigurationError: a date is no session, or closes no earlier than it does anyway.
    """
    hours, holidays, early = dict(days.hours), dict(days.holidays), set(days.early)
    for day, reason in closures.items():
        if holidays.get(day) not in (_SPECIAL, _SPECIAL_CLOSURES.get(day, _SPECIAL)):
            _check_session("closures", day, days)
        hours.pop(day, None)
        holidays[day] = reason
    for day, close in early_closes.items():
        _check_session("early_closes", day, days)
        opens, usual = hours[day]
        at = datetime.combine(day, close, NEW_YORK).astimezone(UTC)
        if at > usual:
            said = f"{usual.astimezone(NEW_YORK):%H:%M}"
            raise ConfigurationError(f"early_closes: {day} closes at {said} already, not at {close:%H:%M}", _CORRECT)
        hours[day] = (opens, at)
        early.add(day)
    return ExchangeDays(hours, frozenset(early), holidays)


def _check_session(key: str, day: date, days: ExchangeDays) -> None:
    if day in days.hours:
        return
    if not FIRST_DAY <= day < LAST_DAY:
        why = f"the calendar knows {FIRST_DAY} to {LAST_DAY}"
    else:
        named = days.holidays.get(day)
        why = f"it is a {day:%A}" if named is None else f"the exchange is closed for {named}"
    raise ConfigurationError(f"{key}: {day} is no trading session: {why}", _CORRECT)


def _ask(exchange: str) -> ExchangeDays:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # between exchange_calendars and pandas, not ours
        # Imports pandas: slow and large, and mostly answered from the cache.
        import exchange_calendars  # type: ignore[import-untyped]  # noqa: PLC0415 - it ships no types

        calendar = exchange_calendars.get_calendar(exchange, start=FIRST_DAY.isoformat(), end=LAST_DAY.isoformat())
    opens, closes = calendar.opens, calendar.closes
    hours = {
        session.date(): (
            opens[session].to_pydatetime().astimezone(UTC),
            closes[session].to_pydatetime().astimezone(UTC),
        )
        for session in calendar.sessions
    }
    named = calendar.regular_holidays.holidays(FIRST_DAY.isoformat(), LAST_DAY.isoformat(), return_name=True)
    names = {moment.date(): _spoken(str(name), moment.date()) for moment, name in named.items()}
    weekdays = (FIRST_DAY + timedelta(days=n) for n in range((LAST_DAY - FIRST_DAY).days + 1))
    holidays = {
        day: names.get(day) or _SPECIAL_CLOSURES.get(day, _SPECIAL)
        for day in weekdays
        if day.weekday() < 5 and day not in hours  # noqa: PLR2004 - Saturday is 5
    }
    return ExchangeDays(hours, frozenset(day.date() for day in calendar.early_closes), holidays)


def _spoken(name: str, day: date) -> str:
    spoken = _NAMES.get(name, name)
    fixed = _FIXED_DATES.get(spoken)
    return spoken if fixed in (None, (day.month, day.day)) else f"{spoken} (observed)"


def _encode(days: ExchangeDays) -> str:
    return json.dumps(
        {
            "hours": [[day.isoformat(), a.isoformat(), b.isoformat()] for day, (a, b) in days.hours.items()],
            "early": [day.isoformat() for day in sorted(days.early)],
            "holidays": {day.isoformat(): name for day, name in days.holidays.items()},
        }
    )


def _decode(text: str) -> ExchangeDays:
    kept = json.loads(text)
    return ExchangeDays(
        {
            date.fromisoformat(day): (datetime.fromisoformat(opens), datetime.fromisoformat(closes))
            for day, opens, closes in kept["hours"]
        },
        frozenset(date.fromisoformat(day) for day in kept["early"]),
        {date.fromisoformat(day): str(name) for day, name in kept["holidays"].items()},
    )


def _keep(path: Path, text: str) -> None:
    """Write the cache in one step; without a writable cache the next start is a second slower, and that is all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).replace(path)
    except OSError:
        return
