"""What an answer covers and settles; expected values written by hand for Friday 2026-11-20 (New York is UTC-5)."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from collector.domain.answers import Answer, HistoricalRequest
from collector.domain.bars import Bar
from collector.domain.coverage import has_expired, is_definite, justified
from collector.domain.instruments import OptionContract, Right, WhatToShow
from collector.domain.sessions import Session
from collector.domain.spans import Span, Spans


def utc(day: int, hour: int, minute: int = 0) -> datetime:
    """Return an instant of November 2026."""
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


FRIDAY = Session(date(2026, 11, 20), utc(20, 14, 30), utc(20, 21, 15), utc(23, 14, 30))
CONTRACT = OptionContract("SPY", 1, date(2026, 11, 20), Decimal(670), Right.CALL)
WHOLE = HistoricalRequest(CONTRACT, WhatToShow.TRADES, FRIDAY.span)
BAR = Bar(utc(20, 14, 30), Decimal(1), Decimal(1), Decimal(1), Decimal(1))


def answer(sent: datetime, until: datetime, bars: tuple[Bar, ...] = (BAR,)) -> Answer:
    """Return an answer that came at once."""
    return Answer(bars, until, sent, sent)


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
    request = HistoricalRequest(CONTRACT, WhatToShow.TRADES, Span(utc(20, 15), utc(23, 21, 15)))
    bar = BAR._replace(time=utc(23, 14, 30))
    found = justified(request, answer(utc(24, 1), utc(24, 1), (bar,)), [FRIDAY, monday])
    assert found.negatives == Spans.of(utc(20, 15), utc(20, 21, 15))
    assert found.settled == Spans((monday.span,))
    assert found.covered == found.negatives | found.settled


def test_an_empty_answer_settles_nothing() -> None:
    """What was asked for is covered and a negative, in the running session as in the evening."""
    for sent in (utc(20, 17, 2), utc(20, 22)):
        found = justified(WHOLE, answer(sent, sent, ()), [FRIDAY])
        assert found.negatives == found.covered == Spans.of(FRIDAY.open, min(sent, FRIDAY.close))
        assert found.settled == Spans()


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
