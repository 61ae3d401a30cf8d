"""Bars of other sizes by the same rules: of a minute and of a day, from the plan to what an answer settles.

Written by hand for the week of Friday 2026-11-20 (New York is UTC-5; the options of SPY close at 16:15, 21:15 UTC).
"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from collector.domain.coverage.coverage_rules import justified, proven_end
from collector.domain.coverage.request_planning import halves, overlapping, requests_for
from collector.domain.market_data.answers import Answer, HistoricalRequest
from collector.domain.market_data.bars import Bar
from collector.domain.market_data.data_sets import (
    DATA_SETS,
    OPTION_BARS_5MIN,
    UNDERLYING_BARS_1DAY,
    UNDERLYING_BARS_5MIN,
    DataSet,
)
from collector.domain.market_data.instruments import Underlying, WhatToShow
from collector.domain.market_data.sessions import Session
from collector.domain.market_data.spans import Span, Spans
from collector.domain.quality.quality_rules import Impossible, Quarantined, all_possible, impossible, in_hours

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
BY_MINUTE = replace(
    UNDERLYING_BARS_5MIN, id=98, name="underlying_bars_1min", bar_size=MINUTE, longest_request=timedelta(days=1)
)
BY_DAY = replace(UNDERLYING_BARS_5MIN, id=99, name="underlying_bars_1day", bar_size=DAY, longest_request=7 * DAY)
SPY = Underlying("SPY", 756733, id=1)
TRADES = WhatToShow.TRADES


def utc(day: int, hour: int = 0, minute: int = 0) -> datetime:
    """Return an instant of November 2026."""
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


def session(day: int, following: int) -> Session:
    """Return a whole session."""
    return Session(date(2026, 11, day), utc(day, 14, 30), utc(day, 21, 15), utc(following, 14, 30))


WEEK = [session(16, 17), session(17, 18), session(18, 19), session(19, 20), session(20, 23), session(23, 24)]
FRIDAY, MONDAY = WEEK[4:]


def bar(at: datetime) -> Bar:
    """Return a bar."""
    return Bar(at, 10_000, 10_000, 10_000, 10_000)


def asked(data_set: DataSet, missing: Spans, sessions: list[Session] = WEEK) -> list[Span]:
    """Return the spans of the requests for what is missing."""
    return [request.span for request in requests_for(SPY, data_set, TRADES, missing, sessions)]


def whole(data_set: DataSet, sessions: list[Session] = WEEK) -> Spans:
    """Return all slots of sessions."""
    return Spans(data_set.span(one) for one in sessions)


def test_what_is_kept_is_named_once() -> None:
    """Ids and names are keys for ever, and every series has a depth."""
    assert [(one.id, one.name, one.size) for one in DATA_SETS] == [
        (1, "option_bars_5min", "5 mins"),
        (2, "underlying_bars_5min", "5 mins"),
        (3, "underlying_bars_1day", "1 day"),
        (4, "underlying_bars_1min", "1 min"),
    ]
    assert all(set(one.series) <= set(one.depths) for one in DATA_SETS)


def test_the_slots_of_a_session() -> None:
    """405 minutes, or 81 slots of five, from the open to the close; one day from midnight UTC of its date."""
    assert BY_MINUTE.count(whole(BY_MINUTE, [FRIDAY])) == 405
    assert OPTION_BARS_5MIN.count(whole(OPTION_BARS_5MIN, [FRIDAY])) == 81
    assert BY_DAY.span(FRIDAY) == Span(utc(20), utc(21))
    assert list(BY_DAY.slots(Span(utc(19), utc(21)))) == [utc(19), utc(20)]
    assert list(BY_MINUTE.slots(FRIDAY.span))[-1] == utc(20, 21, 14)


@pytest.mark.parametrize(
    ("data_set", "until", "end"),
    [
        (BY_MINUTE, utc(20, 14, 30), utc(20, 14, 30)),
        (BY_MINUTE, utc(20, 14, 33), utc(20, 14, 33)),
        (BY_MINUTE, utc(20, 14, 33) - timedelta(seconds=1), utc(20, 14, 32)),
        (BY_MINUTE, utc(22), utc(20, 21, 15)),
        (OPTION_BARS_5MIN, utc(20, 14, 33), utc(20, 14, 30)),
        (OPTION_BARS_5MIN, utc(20, 12), utc(20, 14, 30)),
        # A day is over with its session, three hours before midnight UTC, and not begun by midnight.
        (BY_DAY, utc(20, 21, 14), utc(20)),
        (BY_DAY, utc(20, 21, 15), utc(21)),
        (BY_DAY, utc(19, 23), utc(20)),
    ],
)
def test_which_slots_are_over(data_set: DataSet, until: datetime, end: datetime) -> None:
    """Whole slots only."""
    assert data_set.ended(FRIDAY, until) == end


def test_a_part_of_a_session() -> None:
    """Its bounds are the slots'; the whole session is itself, and what holds no slot is nothing."""
    half = BY_MINUTE.part(FRIDAY, utc(20, 12), utc(20, 15, 1))
    assert half is not None
    assert (half.open, half.close, half.next_open) == (utc(20, 14, 30), utc(20, 15, 1), utc(20, 15, 1))
    assert BY_MINUTE.part(FRIDAY, utc(20, 14, 30), utc(20, 21, 15)) is FRIDAY
    assert BY_DAY.part(FRIDAY, utc(20), BY_DAY.ended(FRIDAY, utc(20, 21, 15))) is FRIDAY
    assert BY_DAY.part(FRIDAY, utc(20), BY_DAY.ended(FRIDAY, utc(20, 21))) is None


def test_requests_are_as_long_as_the_data_set_allows() -> None:
    """A day of minutes a request; a week of days, over the week-end."""
    assert asked(BY_MINUTE, whole(BY_MINUTE)) == [one.span for one in WEEK]
    assert asked(BY_DAY, whole(BY_DAY)) == [Span(utc(16), utc(21)), Span(utc(23), utc(24))]
    assert asked(BY_DAY, whole(BY_DAY, WEEK[2:]), WEEK[2:]) == [Span(utc(18), utc(24))]


def test_what_lies_between_is_not_asked_for() -> None:
    """Wednesday is known: Monday and Tuesday are one request, Thursday and Friday another."""
    missing = whole(BY_DAY) - Spans((BY_DAY.span(WEEK[2]), BY_DAY.span(MONDAY)))
    assert asked(BY_DAY, missing) == [Span(utc(16), utc(18)), Span(utc(19), utc(21))]


def test_days_are_halved_between_days() -> None:
    """From Wednesday to Monday, four sessions, over the week-end."""
    request = HistoricalRequest(SPY, BY_DAY, TRADES, Span(utc(18), utc(24)))
    first, second = halves(request, WEEK)
    assert [first.span, second.span] == [Span(utc(18), utc(20)), Span(utc(20), utc(24))]
    assert [one.span for one in halves(second, WEEK)] == [Span(utc(20), utc(21)), Span(utc(23), utc(24))]


@pytest.mark.parametrize(
    ("data_set", "seen", "now", "end"),
    [
        # The minute in which a bar was sent may be forming; the last one when the clock has not settled either.
        (BY_MINUTE, utc(20, 17, 1), utc(21, 12), utc(20, 17, 1)),
        (BY_MINUTE, utc(20, 21, 10), utc(21, 12), utc(20, 21, 10)),
        (BY_MINUTE, utc(20, 21, 14), utc(20, 21, 30), utc(20, 21, 14)),
        (BY_MINUTE, utc(20, 21, 14), utc(20, 21, 31), utc(20, 21, 15)),
        # The day's own bar starts at midnight, and proves that the day has begun; one that starts in its last five
        # minutes, or later, proves that it is over.
        (BY_DAY, None, utc(21, 12), utc(20)),
        (BY_DAY, utc(20), utc(21, 12), utc(20)),
        (BY_DAY, utc(20, 21, 5), utc(21, 12), utc(20)),
        (BY_DAY, utc(20, 21, 10), utc(20, 21, 30), utc(20)),
        (BY_DAY, utc(20, 21, 10), utc(20, 21, 31), utc(21)),
        (BY_DAY, utc(23, 14, 30), utc(20, 15), utc(21)),
    ],
)
def test_what_has_certainly_happened(data_set: DataSet, seen: datetime | None, now: datetime, end: datetime) -> None:
    """By bars that were sent, and the clock for the last slot alone."""
    assert proven_end(data_set, FRIDAY, seen, now) == end


def told(sent: datetime, seen: datetime, *bars: Bar) -> Answer:
    """Return an answer that came at once."""
    return Answer(bars, sent, sent, sent, seen_until=seen)


def test_a_day_is_covered_and_settled_once_its_session_is_over() -> None:
    """At noon the forming bar is not kept; at 16:40 New York, long before midnight UTC, the day is settled."""
    request = HistoricalRequest(SPY, BY_DAY, TRADES, Span(utc(19), utc(21)))
    both = (bar(utc(19)), bar(utc(20)))
    noon = justified(request, told(utc(20, 17, 2), utc(20, 17), *both), WEEK[3:5])
    assert (noon.bars, noon.covered, noon.settled) == (both[:1], Spans.of(utc(19), utc(20)), Spans.of(utc(19), utc(20)))
    evening = justified(request, told(utc(20, 21, 40), utc(20, 21, 10), *both), WEEK[3:5])
    assert (evening.bars, evening.settled) == (both, Spans.of(utc(19), utc(21)))
    assert evening.empty == Spans()


def test_a_day_without_a_bar_is_a_negative_of_its_own() -> None:
    """Thursday's bar is no evidence that Friday had none."""
    request = HistoricalRequest(SPY, BY_DAY, TRADES, Span(utc(19), utc(21)))
    found = justified(request, told(utc(20, 21, 40), utc(20, 21, 10), bar(utc(19))), WEEK[3:5])
    assert (found.settled, found.negatives) == (Spans.of(utc(19), utc(20)), Spans.of(utc(20), utc(21)))


def test_minutes_are_covered_up_to_the_proof() -> None:
    """At 12:02 the bar of 12:01 has been seen: what starts before is kept and covered."""
    request = HistoricalRequest(SPY, BY_MINUTE, TRADES, FRIDAY.span)
    bars = tuple(map(bar, (utc(20, 16, 59), utc(20, 17), utc(20, 17, 1))))
    found = justified(request, told(utc(20, 17, 2), utc(20, 17, 1), *bars), [FRIDAY])
    assert (found.bars, found.covered, found.settled) == (bars[:2], Spans.of(FRIDAY.open, utc(20, 17, 1)), Spans())


@pytest.mark.parametrize(
    ("data_set", "at", "reason"),
    [
        (BY_MINUTE, utc(20, 14, 31), None),
        (BY_MINUTE, utc(20, 14, 31) + timedelta(seconds=30), Impossible.OFF_GRID),
        (OPTION_BARS_5MIN, utc(20, 14, 31), Impossible.OFF_GRID),
        (BY_DAY, utc(20), None),
        (BY_DAY, utc(20, 14, 30), Impossible.OFF_GRID),
        (BY_DAY, utc(22), Impossible.OUTSIDE_SESSION),
    ],
)
def test_a_bar_lies_on_the_grid_of_its_own_data_set(data_set: DataSet, at: datetime, reason: Impossible | None) -> None:
    """What is a sound time to one is off the grid to another."""
    assert impossible(bar(at), data_set, TRADES, WEEK) is reason
    assert all_possible([bar(at)], data_set, TRADES, WEEK) is (reason is None)


def test_bars_between_the_sessions_are_passed_over() -> None:
    """Before the open, and on a Saturday; a time off the grid is kept, for the quarantine."""
    early, odd = bar(utc(20, 14, 29)), bar(utc(20, 14, 29) + timedelta(seconds=1))
    assert in_hours([early, odd, bar(utc(20, 14, 30))], BY_MINUTE, [FRIDAY]) == (odd, bar(utc(20, 14, 30)))
    assert in_hours([bar(utc(20)), bar(utc(21))], BY_DAY, [FRIDAY]) == (bar(utc(20)),)


def test_a_refused_bar_names_the_slot_in_which_it_lies() -> None:
    """By minutes, by five of them, by days."""
    odd = bar(utc(20, 14, 33) + timedelta(seconds=20))
    slots = [Quarantined(one, TRADES, odd, Impossible.OFF_GRID).slot for one in (BY_MINUTE, OPTION_BARS_5MIN, BY_DAY)]
    assert slots == [utc(20, 14, 33), utc(20, 14, 30), utc(20)]


def test_a_slot_belongs_to_a_session_of_the_exchange() -> None:
    """Midnight UTC is still the day before in New York, but not for a bar of the day."""
    zone = timezone(timedelta(hours=-5))
    assert (BY_DAY.day_of(utc(20), zone), BY_MINUTE.day_of(utc(20), zone)) == (date(2026, 11, 20), date(2026, 11, 19))


def test_sessions_by_which_a_split_is_seen_are_asked_for_again() -> None:
    """The two oldest and two before each stretch, none of what is missing itself; of bars of minutes none."""
    two = replace(UNDERLYING_BARS_1DAY, overlap=2)
    first, friday, monday = whole(two, WEEK[:1]), whole(two, WEEK[4:5]), whole(two, WEEK[5:])
    assert overlapping(two, monday, WEEK) == whole(two, WEEK[:2] + WEEK[3:5])
    assert overlapping(two, first | monday, WEEK) == whole(two, WEEK[1:5])
    assert overlapping(two, first, WEEK) == whole(two, WEEK[1:3])
    assert overlapping(two, whole(two, WEEK[2:3]) | monday, WEEK) == whole(two, WEEK[:2] + WEEK[3:5])
    assert overlapping(two, friday | monday, WEEK[4:]) == Spans()
    assert overlapping(two, Spans(), WEEK) == Spans()
    assert overlapping(BY_MINUTE, whole(BY_MINUTE, [MONDAY]), WEEK) == Spans()


def test_a_series_that_ends_now_is_asked_for_whole() -> None:
    """One slot that lacks is enough for one request of all sessions, which no length bounds and nothing halves."""
    short, adjusted = replace(UNDERLYING_BARS_1DAY, longest_request=2 * DAY), WhatToShow.ADJUSTED_LAST
    (request,) = requests_for(SPY, short, adjusted, whole(short, [FRIDAY]), WEEK)
    assert request.span == Span(utc(16), utc(24))
    assert halves(request, WEEK) == (request,)
    assert list(requests_for(SPY, short, adjusted, Spans(), WEEK)) == []
