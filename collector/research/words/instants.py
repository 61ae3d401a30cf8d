"""Days and instants as people write them."""

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.errors import NaiveInstant, UsageError
from collector.domain.market_data.data_sets import DAY, DataSet
from collector.domain.market_data.spans import Span

Moment: TypeAlias = date | datetime | str
"""A day or an instant: date, aware datetime, "2026-11-25", "2026-11-25 15:30 America/New_York", ISO with an offset."""

_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_ZONED = re.compile(r"(?P<when>\S+[ T]\S+) +(?P<zone>[A-Za-z][\w+/-]*)")


def read(moment: Moment) -> date | datetime:
    """Return a day, or an instant in UTC.

    Raises:
        NaiveInstant: an instant has no time zone.
        UsageError: it is neither.
    """
    found = _parsed(moment) if isinstance(moment, str) else moment
    if not isinstance(found, datetime):
        return found
    if found.tzinfo is None:
        raise NaiveInstant(str(moment))
    return found.astimezone(UTC)


def day_of(moment: Moment) -> date:
    """Return a day; of an instant the one in New York.

    Raises:
        UsageError: as `read`.
    """
    found = read(moment)
    return found.astimezone(NEW_YORK).date() if isinstance(found, datetime) else found


def slot_of(moment: Moment, data_set: DataSet) -> datetime:
    """Return the start of the slot in which an instant lies.

    Raises:
        UsageError: as `read`, or it is a day.
    """
    found = read(moment)
    if not isinstance(found, datetime):
        raise UsageError(
            f"{moment} is a day, not an instant", 'Write the time and its zone: "… 15:30 America/New_York".'
        )
    return data_set.slot_of(found)


def span(start: Moment | None, end: Moment | None, data_set: DataSet) -> Span:
    """Return the span between two moments: days count whole, both of them; of instants the end is not inside.

    Args:
        start: None is the beginning of everything.
        end: None is the end.
        data_set: whose bars are asked for; those of a day begin at midnight UTC, not New York's.

    Raises:
        UsageError: as `read`, or the start is not before the end.
    """
    zone: tzinfo = UTC if data_set.bar_size >= DAY else NEW_YORK
    first = _FIRST if start is None else _instant(read(start), zone)
    last = _LAST if end is None else _instant(read(end), zone, whole=True)
    if first >= last:
        raise UsageError(f"nothing lies between {start} and {end}", "The start has to be before the end.")
    return Span(first, last)


def is_open(one: Span) -> bool:
    """Tell whether a span has no beginning or no end."""
    return one.start == _FIRST or one.end == _LAST


def _instant(moment: date | datetime, zone: tzinfo, *, whole: bool = False) -> datetime:
    """Return where a day begins in a zone, or, when it counts whole, where it ends; an instant is itself."""
    if isinstance(moment, datetime):
        return moment
    return datetime.combine(moment + timedelta(days=1) if whole else moment, time(), zone).astimezone(UTC)


def _parsed(text: str) -> date | datetime:
    words = " ".join(text.split())
    zoned = _ZONED.fullmatch(words)
    try:
        if zoned is None:
            return date.fromisoformat(words) if len(words) <= len("2026-11-25") else datetime.fromisoformat(words)
        found = datetime.fromisoformat(zoned["when"])
        if found.tzinfo is None:
            return found.replace(tzinfo=ZoneInfo(zoned["zone"]))
    except (ValueError, ZoneInfoNotFoundError):
        pass
    raise UsageError(
        f"{text!r} is neither a day nor an instant",
        'Write "2026-11-25" or "2026-11-25 15:30 America/New_York".',
    )
