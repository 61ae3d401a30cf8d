"""Words that a person types, as values."""

import re
from datetime import date, timedelta

from collector.config import Settings
from collector.domain.errors import UsageError
from collector.domain.run_vocabulary import OVER_SESSIONS, Window

_LENGTH = re.compile(r"(?P<number>[1-9]\d{0,3})\s*(?P<unit>m|min|minutes?|h|hours?|d|days?)")
_MOST_DIGITS = 18
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def symbols_of(text: str | None) -> tuple[str, ...]:
    """Return the symbols of a comma-separated option, upper case; empty when not given."""
    return tuple(part.strip().upper() for part in (text or "").split(",") if part.strip())


def window_of(text: str, settings: Settings) -> Window:
    """Return a window by its name, a built-in one or one of the configuration's own.

    Raises:
        UsageError: there is no such window.
    """
    known = (*Window, *settings.windows.own)
    listed = (window for window in known if window not in OVER_SESSIONS)
    window = Window(text.strip().lower().replace("-", "_"))
    if window not in known:
        raise UsageError(f"unknown window {text!r}", "Windows: " + ", ".join(listed))
    return window


def number_of(text: str) -> int | None:
    """Return the whole number from 0 that a person wrote in decimal digits, None where it is no such number.

    One that is too long for the tables is none.
    """
    text = text.strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS else None


def day_of(text: str | None) -> date | None:
    """Return the date that a person wrote, None for none.

    Raises:
        UsageError: it is no date.
    """
    if text is None:
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(f"{text!r} is no date", "Write it as 2026-11-20.") from None


def span_of(text: str | None) -> timedelta | None:
    """Return the length that a person wrote ("30 min", "3 h", "1 D"), None for none; a day means the whole session.

    Raises:
        UsageError: it is no such length.
    """
    if text is None:
        return None
    match = _LENGTH.fullmatch(text.strip().lower())
    if match is None:
        raise UsageError(f"{text!r} is no span", 'Write it as "30 min", "3 h" or "1 D".')
    return int(match["number"]) * _UNITS[match["unit"][0]]
