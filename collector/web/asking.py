"""Read the parameters of a request."""

from collections.abc import Collection
from datetime import date, datetime, time

from collector.app.acting import typed
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.errors import UsageError
from collector.web.page import Asked

_LARGEST = 2**31 - 2
"""As a number of the tables."""


def number(asked: Asked, name: str, default: int | None = None, largest: int = _LARGEST) -> int | None:
    """Return a whole number from 1, the default where none is given.

    Raises:
        UsageError: it is no such number.
    """
    text = asked.get(name, "").strip()
    if not text:
        return default
    found = typed.number_of(text)
    if found is None or not 1 <= found <= largest:
        raise UsageError(f"{name}={text!r} is no number from 1 to {largest:,}", f"Example: ?{name}=1")
    return found


def day(asked: Asked, name: str) -> date | None:
    """Return a date, None where none is given.

    Raises:
        UsageError: it is no date.
    """
    return typed.day_of(asked.get(name, "").strip() or None)


def start_of(chosen: date | None) -> datetime | None:
    """Return when a day begins in New York, None for none."""
    return None if chosen is None else datetime.combine(chosen, time(0), NEW_YORK)


def choice(asked: Asked, name: str, known: Collection[str], default: str = "") -> str:
    """Return one of a few words, the default where none is given.

    Raises:
        UsageError: it is none of them.
    """
    text = asked.get(name, "").strip().lower() or default
    if text and text not in known:
        raise UsageError(f"{name}={text!r} is not known", f"There are: {', '.join(known)}.")
    return text


def symbol(asked: Asked, name: str = "symbol") -> str | None:
    """Return a symbol in upper case, None where none is given; nobody looks here whether it is known."""
    return asked.get(name, "").strip().upper() or None
