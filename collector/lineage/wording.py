"""Say instants, outcomes and causes in plain words."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from collector.db.readers.bar_records import Asked
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.market_data.answers import Outcome
from collector.domain.market_data.data_sets import DAY
from collector.domain.market_data.spans import Span

OUTCOMES = {
    Outcome.BARS: "brought bars",
    Outcome.NO_DATA: "came back empty",
    Outcome.TIME_OUT: "timed out",
    Outcome.PACING: "was refused because of the pace",
    Outcome.PERMISSION: "was refused for want of a permission",
    Outcome.UNKNOWN_CONTRACT: "failed, the source does not know the contract",
    Outcome.OTHER_LOGIN: "was ended by another login",
    Outcome.FARM_DOWN: "failed, the source's data farm was down",
    Outcome.DISCONNECTED: "was cut off with the connection",
    Outcome.REJECTED: "was rejected",
    Outcome.UNKNOWN: "ended in an error that is not known",
}


def clock_time(at: datetime, zone: ZoneInfo = NEW_YORK) -> str:
    """Return an instant as `2026-11-25 15:30:05`, in New York."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}"


def minute(at: datetime, zone: ZoneInfo = NEW_YORK) -> str:
    """Return an instant as `2026-11-25 15:30`, in New York."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}"


def hours(span: Span) -> str:
    """Return a span inside a day as `14:30–14:45`, in New York; a whole day as `whole day`."""
    if span.duration >= DAY:
        return "whole day"
    start, end = span.start.astimezone(NEW_YORK), span.end.astimezone(NEW_YORK)
    return f"{start:%H:%M}–{end:%H:%M}"


def times(count: int) -> str:
    """Return a number of times: once, twice, 3 times."""
    return {1: "once", 2: "twice"}.get(count, f"{count:,} times")


def counted(count: int, noun: str) -> str:
    """Return a count with its noun: 1 slot, 2 slots."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def run(window: str | None, day: object, attempt: int | None, run_id: int | None) -> str:
    """Return which run it was: `run 12 (eod of 2026-11-25)`."""
    if run_id is None:
        return "no run on record"
    if window is None:
        return f"run {run_id}"
    again = "" if attempt in (None, 1) else f", attempt {attempt}"
    return f"run {run_id} ({window} of {day}{again})"


def outcome(name: str, code: int | None, message: str | None) -> str:
    """Return how a request ended, with the source's own words where it had some."""
    words = OUTCOMES[Outcome(name)]
    said = " ".join(f"{'' if code is None else code} {message or ''}".split())
    return f"{words} ({said})" if said and name not in (Outcome.BARS, Outcome.NO_DATA) else words


def request(asked: Asked) -> str:
    """Return one request: when, by which run and login, and what came."""
    login = f", login {asked.login}" if asked.login else ""
    by = run(asked.window, asked.day, asked.attempt, asked.run_id)
    longer = asked.span.duration > timedelta(days=1)
    span = f"{minute(asked.span.start)} to {minute(asked.span.end)}" if longer else hours(asked.span)
    if asked.outcome == Outcome.BARS:
        came = f"brought {counted(asked.bars, 'bar')}"
    else:
        came = outcome(asked.outcome, asked.code, asked.message)
    return f"the request of {clock_time(asked.sent_at)} by {by}{login} for {span}, which {came}"
