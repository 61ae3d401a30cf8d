"""Spans that historical requests mean.

What a historical request may ask, and the span that its end and duration mean. Pure functions.

Marks of what IB is known to do: [D] documented, [U] reported by users, [?] unsure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from collector.simulator import texts
from collector.simulator.exchange.sessions import NEW_YORK, is_session, local_date, previous_session
from collector.simulator.replies import Refusal

DAY_S = 86_400

BAR_SIZES = {
    "1 secs": 1,
    "5 secs": 5,
    "10 secs": 10,
    "15 secs": 15,
    "30 secs": 30,
    "1 min": 60,
    "2 mins": 120,
    "3 mins": 180,
    "5 mins": 300,
    "10 mins": 600,
    "15 mins": 900,
    "20 mins": 1200,
    "30 mins": 1800,
    "1 hour": 3600,
    "2 hours": 7200,
    "3 hours": 10_800,
    "4 hours": 14_400,
    "8 hours": 28_800,
    "1 day": DAY_S,
    "1 week": 7 * DAY_S,
    "1 month": 30 * DAY_S,
}
"""Legal bar sizes and their seconds."""

SERIES = frozenset(
    {
        "TRADES",
        "MIDPOINT",
        "BID",
        "ASK",
        "BID_ASK",
        "ADJUSTED_LAST",
        "HISTORICAL_VOLATILITY",
        "OPTION_IMPLIED_VOLATILITY",
    }
)
OPTION_SERIES = frozenset({"TRADES", "MIDPOINT", "BID", "ASK", "BID_ASK"})
"""What IB offers on options; the volatility series belong to their underlyings."""

_UNITS = {"S": 1, "D": DAY_S, "W": 7 * DAY_S}
_MAX_S, _MIN_S = 86_400, 30
_LONGEST = {"D": (365, "days"), "W": (52, "weeks"), "M": (12, "months")}
"""What must be asked in years above so many; the texts are as clients report them."""
_MAX_Y = 68
_ZONES = {"UTC": UTC, "US/EASTERN": NEW_YORK, "AMERICA/NEW_YORK": NEW_YORK, "US/CENTRAL": ZoneInfo("America/Chicago")}
_BEFORE_ALL = datetime(1900, 1, 1, tzinfo=UTC)
_END_FORMS = re.compile(r"(\d{8}) +(\d\d:\d\d:\d\d)(?: +([A-Za-z_/]+))?|(\d{8})-(\d\d:\d\d:\d\d)")


@dataclass(frozen=True, slots=True)
class Window:
    """What is delivered: bars that start in `[start, end)` (aware, UTC); no_zone: the end named no time zone."""

    start: datetime
    end: datetime
    no_zone: bool = False


def parse_end(text: str, now: datetime) -> tuple[datetime, bool] | Refusal:
    """Return the end of a request and whether its time zone had to be assumed (New York).

    Args:
        text: empty for now, `YYYYMMDD HH:MM:SS ZONE`, or `YYYYMMDD-HH:MM:SS` in UTC.
        now: the gateway's time.
    """
    if not text:
        return now, False
    match = _END_FORMS.fullmatch(text.strip())
    malformed = Refusal(10314, texts.END_MALFORMED)
    if match is None:
        return malformed
    zone = UTC if match[4] else _ZONES.get((match[3] or "US/Eastern").upper())
    if zone is None:
        return malformed
    try:
        local = datetime.strptime(f"{match[1] or match[4]} {match[2] or match[5]}", "%Y%m%d %H:%M:%S")  # noqa: DTZ007 - the zone is set below
    except ValueError:
        return malformed
    return local.replace(tzinfo=zone).astimezone(UTC), not match[3] and not match[4]


def delivered(end_text: str, duration: str, bar_s: int, now: datetime) -> Window | Refusal:
    """Return the span that a request gets, which for bars of less than a day may be shorter than what it asked for.

    A duration in days counts sessions, the one in which the end falls included; weeks, months and years count
    backwards from the end by the calendar. The longest are 365 D, 52 W, 12 M and 68 Y [D]; more than that in years is
    refused, as the rest is [?].
    """
    parsed = parse_end(end_text, now)
    if isinstance(parsed, Refusal):
        return parsed
    end, no_zone = parsed
    match = re.fullmatch(r"(\d+) ([SDWMY])", duration)
    if match is None or int(match[1]) == 0:
        return Refusal(321, texts.invalid("Historical data query duration format is incorrect"))
    count, unit = int(match[1]), match[2]
    if unit == "S" and not _MIN_S <= count <= _MAX_S:
        return Refusal(
            321,
            texts.invalid("Historical data requests for durations longer than 86400 seconds must be made in days")
            if count > _MAX_S
            else texts.invalid("Historical data query duration must be at least 30 seconds"),
        )
    most, name = _LONGEST.get(unit, (count, unit))
    if count > most:
        return Refusal(
            321,
            texts.invalid(f"Historical data requests for durations longer than {most} {name} must be made in years"),
        )
    if unit == "Y" and count > _MAX_Y:
        return Refusal(321, texts.invalid("Historical data requested duration is invalid"))
    return Window(max(_start(end, count, unit), oldest(end, bar_s)), end, no_zone)


def oldest(end: datetime, bar_s: int) -> datetime:
    """Return the start of the longest span that one answer covers; what is older is left out without a word.

    A day for bars up to a minute [D, in IB's older table, though a note there calls the limit lifted], a week, a month
    or a year for larger ones [?]; daily bars reach as far back as there are any [U].
    """
    if bar_s >= DAY_S:
        return _BEFORE_ALL
    if bar_s <= 60:  # noqa: PLR2004 - a minute
        # On a Monday before the open that day is Friday's session, as in a request for "1 D".
        return min(end - timedelta(days=1), _sessions_back(end, 1))
    if bar_s <= 300:  # noqa: PLR2004 - 5 minutes
        return end - timedelta(days=7)
    return end - (timedelta(days=31) if bar_s < 3600 else timedelta(days=366))  # noqa: PLR2004 - an hour


def _start(end: datetime, count: int, unit: str) -> datetime:
    if unit == "D":
        return _sessions_back(end, count)
    if unit in _UNITS:
        return end - timedelta(seconds=count * _UNITS[unit])
    months = count if unit == "M" else 12 * count
    local = end.astimezone(NEW_YORK)
    year, month0 = divmod(local.year * 12 + local.month - 1 - months, 12)
    try:
        return local.replace(year=max(year, 1), month=month0 + 1, day=min(local.day, 28)).astimezone(UTC)
    except (ValueError, OverflowError):
        return _BEFORE_ALL


def _sessions_back(end: datetime, count: int) -> datetime:
    day = local_date(end)
    opening = datetime.combine(day, time(9, 30), NEW_YORK)
    if not is_session(day) or end <= opening:
        day = previous_session(day)
    for _ in range(count - 1):
        day = previous_session(day)
    return datetime.combine(day, time(), NEW_YORK).astimezone(UTC)
