"""What an answer covers and settles; expected values written by hand for Friday 2026-11-20 (New York is UTC-5)."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from collector.domain.coverage.coverage_rules import has_expired, is_definite, justified, proven, proven_end
from collector.domain.market_data.answers import Answer, HistoricalRequest
from collector.domain.market_data.bars import Bar
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.market_data.instruments import OptionContract, Right, WhatToShow
from collector.domain.market_data.sessions import Session
from collector.domain.market_data.spans import Span, Spans


def utc(day: int, hour: int, minute: int = 0) -> datetime:
    """Return an instant of November 2026."""
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


FRIDAY = Session(date(2026, 11, 20), utc(20, 14, 30), utc(20, 21, 15), utc(23, 14, 30))
CONTRACT = OptionContract("SPY", 1, date(2026, 11, 20), Decimal(670), Right.CALL)
WHOLE = HistoricalRequest(CONTRACT, OPTION_BARS_5MIN, WhatToShow.TRADES, FRIDAY.span)
MONDAY = Session(date(2026, 11, 23), utc(23, 14, 30), utc(23, 21, 15), utc(24, 14, 30))


def bar(at: datetime) -> Bar:
    """Return a bar of one slot."""
    return Bar(at, 10_000, 10_000, 10_000, 10_000)


BAR = bar(utc(20, 14, 30))


def answer(sent: datetime, until: datetime, bars: tuple[Bar, ...] = (BAR,), seen: datetime | None = None) -> Answer:
    """Return an answer that came at once; an underlying's bar of the slot in which it was sent had been seen."""
    return Answer(bars, until, sent, sent, seen_until=until if seen is None else seen)


def test_during_the_session_slots_are_covered_but_not_settled() -> None:
    """At noon an answer covers the morning's slots and settles none."""
    found = justified(WHOLE, answer(utc(20, 17, 2), utc(20, 17)), [FRIDAY])
    assert found.covered == Spans((Span(utc(20, 14, 30), utc(20, 17)),))
    assert found.settled == Spans()


@pytest.mark.parametrize(("sent", "settles"), [(utc(20, 21, 30), False), (utc(20, 21, 31), True)])
def test_settling_needs_a_request_sent_later_than_the_close_plus_a_quarter_of_an_hour(
    sent: datetime, settles: bool
) -> None:
    """SPY options close at 16:15; a request sent at 16:30 sharp is still too early."""
    found = justified(WHOLE, answer(sent, utc(20, 21, 15)), [FRIDAY])
    assert bool(found.settled) is settles
    if settles:
        assert found.settled == Spans((FRIDAY.span,))


def test_what_settles_ends_where_the_answer_ends() -> None:
    """With the tail withheld (notice 2188) only what was told settles; else the session does, to its close."""
    found = justified(WHOLE, answer(utc(20, 21, 40), utc(20, 21, 10)), [FRIDAY])
    assert found.settled == found.covered == Spans.of(utc(20, 14, 30), utc(20, 21, 10))


def test_a_bar_settles_its_own_session_only() -> None:
    """A bar on Monday is no evidence that Friday was quiet: what was asked of Friday is a negative."""
    monday = Session(date(2026, 11, 23), utc(23, 14, 30), utc(23, 21, 15), utc(24, 14, 30))
    request = HistoricalRequest(CONTRACT, OPTION_BARS_5MIN, WhatToShow.TRADES, Span(utc(20, 15), utc(23, 21, 15)))
    bar = BAR._replace(time=utc(23, 14, 30))
    found = justified(request, answer(utc(24, 1), utc(24, 1), (bar,)), [FRIDAY, monday])
    assert found.negatives == Spans.of(utc(20, 15), utc(20, 21, 15))
    assert found.settled == Spans((monday.span,))
    assert found.covered == found.negatives | found.settled


def test_an_empty_answer_settles_nothing() -> None:
    """What was asked for is covered and empty; in the evening, when bars would settle it, it is a negative."""
    noon, evening = (justified(WHOLE, answer(sent, sent, ()), [FRIDAY]) for sent in (utc(20, 17, 2), utc(20, 22)))
    assert noon.empty == noon.covered == Spans.of(FRIDAY.open, utc(20, 17))
    assert evening.empty == evening.covered == evening.negatives == Spans((FRIDAY.span,))
    assert noon.negatives == noon.settled == evening.settled == Spans()


@pytest.mark.parametrize(
    ("seen", "now", "end"),
    [
        # Nothing was ever sent, or only bars of an earlier session: nothing has happened for certain.
        (None, utc(21, 12), utc(20, 14, 30)),
        (utc(19, 21, 10), utc(21, 12), utc(20, 14, 30)),
        # The bar that starts at 12:00 is forming: what starts before it is over, whatever the clock says.
        (utc(20, 17), utc(20, 17, 2), utc(20, 17)),
        (utc(20, 17), utc(21, 12), utc(20, 17)),
        (utc(20, 17), utc(20, 15), utc(20, 17)),
        # The last bar, 16:10, was sent: it may be forming, until the clock is past 16:30, too.
        (utc(20, 21, 10), utc(20, 21, 30), utc(20, 21, 10)),
        (utc(20, 21, 10), utc(20, 21, 31), utc(20, 21, 15)),
        # The last but one is not enough.
        (utc(20, 21, 5), utc(21, 12), utc(20, 21, 5)),
        # A bar from after the close, or from a later session, needs no clock.
        (utc(20, 21, 15), utc(20, 21, 16), utc(20, 21, 15)),
        (utc(23, 14, 30), utc(20, 15), utc(20, 21, 15)),
    ],
)
def test_a_slot_has_happened_when_a_bar_that_starts_later_was_sent(
    seen: datetime | None, now: datetime, end: datetime
) -> None:
    """The clock alone proves nothing; only for the last slot, which no bar follows, it counts besides a bar in it."""
    assert proven_end(OPTION_BARS_5MIN, FRIDAY, seen, now) == end


def test_sessions_are_proven_up_to_the_latest_bar() -> None:
    """Friday wholly, Monday's first hour; a session of which no bar was sent not at all."""
    assert proven(OPTION_BARS_5MIN, [FRIDAY, MONDAY], utc(23, 15, 30), utc(23, 15, 31)) == Spans(
        (FRIDAY.span, Span(utc(23, 14, 30), utc(23, 15, 30)))
    )
    assert proven(OPTION_BARS_5MIN, [MONDAY], utc(20, 21, 10), utc(23, 15, 31)) == Spans()


@pytest.mark.parametrize("ahead_h", [2, 9])
def test_a_clock_that_is_ahead_neither_keeps_the_forming_bar_nor_covers_or_settles_the_future(ahead_h: int) -> None:
    """At 12:02 the source's clock says that the session is over; the bar of 12:00 is forming."""
    wrong = utc(20, 17, 2) + timedelta(hours=ahead_h)
    bars = tuple(map(bar, (utc(20, 16, 50), utc(20, 16, 55), utc(20, 17))))
    found = justified(WHOLE, answer(wrong, wrong, bars, seen=utc(20, 17)), [FRIDAY])
    assert found.bars == bars[:2]
    assert found.covered == Spans((Span(utc(20, 14, 30), utc(20, 17)),))
    assert found.settled == found.negatives == Spans()


def test_what_the_tables_hold_was_sent_once() -> None:
    """A bar of 12:05 in the tables proves the slot of 12:00 to an answer whose source has sent less since it began."""
    bars = (bar(utc(20, 17)),)
    late = utc(20, 17, 7)
    assert justified(WHOLE, answer(late, utc(20, 17, 5), bars, seen=utc(20, 17)), [FRIDAY]).bars == ()
    assert justified(WHOLE, answer(late, utc(20, 17, 5), bars, seen=utc(20, 17)), [FRIDAY], utc(20, 17, 5)).bars == bars


@pytest.mark.parametrize(
    ("now", "expired"),
    [(utc(20, 23), False), (utc(21, 4, 59), False), (utc(21, 5), True)],
)
def test_a_contract_has_expired_when_its_day_is_over_in_new_york(now: datetime, expired: bool) -> None:
    """Midnight in New York is 05:00 UTC in November."""
    assert has_expired(CONTRACT, now) is expired


def test_no_data_is_definite_only_for_a_living_contract_whose_underlying_traded() -> None:
    """Bars always count; silence counts only where it can mean silence."""
    evening, later = utc(20, 22), utc(21, 12)
    assert is_definite(answer(evening, evening, ()), CONTRACT, underlying_traded=True)
    assert not is_definite(answer(evening, evening, ()), CONTRACT, underlying_traded=False)
    assert not is_definite(answer(later, later, ()), CONTRACT, underlying_traded=True)
    assert is_definite(answer(later, later), CONTRACT, underlying_traded=False)
