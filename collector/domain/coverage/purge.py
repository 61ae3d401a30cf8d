"""Judge whether a source has forgotten an expiration.

Judge whether a source has forgotten an expiration, from what it answered after the expiration day.

Nothing is lost because a date has passed. Once a night one contract is asked for bars that are known to exist; what it
is answered stands for the whole expiration, and only the same denial on two nights, each between answers with bars of
living contracts, is believed for good.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.market_data.answers import Outcome

WITNESSES = 3
"""So many contracts near the money stand for an expiration of which no bar is known."""
APART = timedelta(hours=6)
"""Two nights are two dates in New York, and at least so far apart."""
DENIALS = frozenset({Outcome.NO_DATA, Outcome.UNKNOWN_CONTRACT, Outcome.REJECTED})
"""What a source says of a contract that it has forgotten; while it is not well, it is not told so."""


class Standing(StrEnum):
    """What is to be done about an expiration that has passed."""

    UNASKED = "unasked"
    """One contract is asked first."""
    ANSWERS = "answers"
    """It has answered tonight, or failed to without saying anything: all of it may be asked for."""
    RESTS = "rests"
    """It was denied tonight; it is asked again another night."""
    GONE = "gone"
    """It was denied on two nights: what is missing is lost."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request for a contract of an expiration, sent after that day was over.

    known: bars of just that series are stored in the span, and lie within the source's depth. of_quotes: it is one of
    those that stand for an expiration without known bars. controlled: answers with bars of the same symbol and series
    came within the minute before and the minute after. words: the source's.
    """

    contract_id: int
    sent_at: datetime
    outcome: Outcome
    words: str = ""
    known: bool = False
    of_quotes: bool = False
    controlled: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """How an expiration stands; reason: in words, where it is gone."""

    standing: Standing
    reason: str = ""


def judge(asked: Iterable[Asked], now: datetime, contracts: int) -> Judgement:
    """Return how an expiration stands.

    Args:
        asked: what it was asked for since it expired, in any order.
        now: by the source's clock.
        contracts: how many of its contracts there are; fewer than three witnesses cannot be had of two.
    """
    ordered = sorted(asked, key=lambda one: one.sent_at)
    last_bars = max((n for n, one in enumerate(ordered) if one.outcome is Outcome.BARS), default=-1)
    since, witnesses = ordered[last_bars + 1 :], min(WITNESSES, contracts)
    nights = _nights(since, witnesses)
    if len(nights) > 1:
        said = "; ".join(f"{night}: {words}" for night, words in (nights[0], nights[-1]))
        return Judgement(Standing.GONE, f"the source has forgotten the expiration; asked on {said}")
    tonight = [one for one in ordered if not is_another_night(one.sent_at, now)]
    if _stands_for_all([one for one in since if one in tonight], witnesses):
        return Judgement(Standing.RESTS)
    return Judgement(Standing.ANSWERS if tonight else Standing.UNASKED)


def is_another_night(first: datetime, second: datetime) -> bool:
    """Return whether two instants, the earlier one first, lie in different nights."""
    return _night(first) != _night(second) and second - first >= APART


def latest_of_another_night(now: datetime) -> datetime:
    """Return the latest instant before `now` that lies in another night."""
    midnight = now.astimezone(NEW_YORK).replace(hour=0, minute=0, second=0, microsecond=0)
    return min(midnight - timedelta(microseconds=1), now - APART)


def _night(instant: datetime) -> date:
    return instant.astimezone(NEW_YORK).date()


def _stands_for_all(asked: Sequence[Asked], witnesses: int) -> Asked | None:
    """Return the last denial that stands for the whole expiration, None without one."""
    denied = [one for one in asked if one.outcome in DENIALS]
    known = [one for one in denied if one.known]
    if known:
        return known[-1]
    quotes = [one for one in denied if one.of_quotes]
    return quotes[-1] if len({one.contract_id for one in quotes}) >= witnesses else None


def _nights(since: Sequence[Asked], witnesses: int) -> list[tuple[date, str]]:
    """Return the nights whose denials are to be believed, and what was said then."""
    by_night: dict[date, list[Asked]] = {}
    for one in since:
        if one.controlled:
            by_night.setdefault(_night(one.sent_at), []).append(one)
    found: list[Asked] = []
    for asked in by_night.values():
        last = _stands_for_all(asked, witnesses)
        if last is not None and (not found or is_another_night(found[-1].sent_at, last.sent_at)):
            found.append(last)
    return [(_night(one.sent_at), one.words) for one in found]
