"""From missing slots to requests."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from collector.domain.coverage.request_planning import Work, halves, in_order, requests_for
from collector.domain.market_data.answers import HistoricalRequest
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.market_data.instruments import Instrument, OptionContract, Right, Underlying, WhatToShow
from collector.domain.market_data.sessions import Session
from collector.domain.market_data.spans import Span, Spans
from tests.support.slots import SLOT

WEEKDAYS = [date(2026, 11, d) for d in (9, 10, 11, 12, 13, 16, 17, 18, 19, 20)]


def opening(day: date) -> datetime:
    """Return 09:30 New York of a November day in UTC."""
    return datetime(day.year, day.month, day.day, 14, 30, tzinfo=UTC)


SESSIONS = [
    Session(day, opening(day), opening(day) + timedelta(hours=6, minutes=30), opening(following))
    for day, following in zip(WEEKDAYS, [*WEEKDAYS[1:], date(2026, 11, 23)], strict=True)
]
CONTRACT = OptionContract("TSLA", 1, date(2026, 11, 27), Decimal(400), Right.PUT)


def asked(missing: Spans) -> list[Span]:
    """Return the spans of the requests for what is missing."""
    return [request.span for request in requests_for(CONTRACT, OPTION_BARS_5MIN, WhatToShow.BID, missing, SESSIONS)]


def test_one_request_for_a_week_of_sessions() -> None:
    """Five neighbouring sessions, Monday to Friday, are one request; the second week is another."""
    assert asked(Spans(s.span for s in SESSIONS)) == [
        Span(SESSIONS[0].open, SESSIONS[4].close),
        Span(SESSIONS[5].open, SESSIONS[9].close),
    ]


def test_settled_slots_in_between_are_not_asked_for() -> None:
    """Two holes of one session are two requests: what lies between is known."""
    start = SESSIONS[0].open
    holes = Spans((Span(start, start + SLOT), Span(start + 6 * SLOT, start + 8 * SLOT)))
    assert asked(holes) == list(holes)


@given(st.sets(st.tuples(st.integers(0, 9), st.integers(0, 77))))
def test_requests_cover_exactly_what_is_missing(holes: set[tuple[int, int]]) -> None:
    """Every missing slot is in exactly one request, no other slot of any session is, none is longer than a week."""
    missing = Spans(Span(SESSIONS[s].open + i * SLOT, SESSIONS[s].open + (i + 1) * SLOT) for s, i in holes)
    spans = asked(missing)
    in_sessions = Spans(spans) & Spans(session.span for session in SESSIONS)
    assert in_sessions == missing
    assert sum((s.duration for s in spans), timedelta(0)) == Spans(spans).duration
    assert all(span.duration <= timedelta(days=7) for span in spans)


def test_a_request_of_several_sessions_is_halved_between_sessions() -> None:
    """Five sessions become two and three, these one and two; together they hold the same slots, from hole to hole."""
    start, end = SESSIONS[0].open + 3 * SLOT, SESSIONS[4].close - SLOT
    whole = HistoricalRequest(CONTRACT, OPTION_BARS_5MIN, WhatToShow.ASK, Span(start, end))
    first, second = halves(whole, SESSIONS)
    assert [first.span, second.span] == [Span(start, SESSIONS[1].close), Span(SESSIONS[2].open, end)]
    assert [one.span for one in halves(second, SESSIONS)] == [SESSIONS[2].span, Span(SESSIONS[3].open, end)]
    kept = {(one.instrument, one.data_set, one.what_to_show) for one in (first, second)}
    assert kept == {(CONTRACT, OPTION_BARS_5MIN, WhatToShow.ASK)}


def test_a_request_of_one_session_is_not_halved() -> None:
    """However little of the session it asks for; nothing shorter has been seen to be answered more surely."""
    for span in (SESSIONS[0].span, Span(SESSIONS[9].open, SESSIONS[9].open + SLOT)):
        request = HistoricalRequest(CONTRACT, OPTION_BARS_5MIN, WhatToShow.BID, span)
        assert halves(request, SESSIONS) == (request,)


def test_most_urgent_first() -> None:
    """The underlying, then what expires first, then what is nearest the money."""

    def option(day: int, strike: int) -> OptionContract:
        return OptionContract("TSLA", day * 1000 + strike, date(2026, 11, day), Decimal(strike), Right.CALL)

    order: list[Instrument] = [Underlying("TSLA", 7)]
    order += [option(20, 400), option(20, 300), option(23, 410), option(23, 350)]
    work = [Work(instrument, ()) for instrument in reversed(order)]
    assert [item.instrument for item in in_order(work, {"TSLA": Decimal(402)})] == order


def test_occ_symbol() -> None:
    """The OCC's own example form: root padded to six, date, right, strike in mills with eight digits."""
    contract = OptionContract("SPY", 1, date(2015, 12, 19), Decimal("126.5"), Right.CALL, trading_class="SPY")
    assert contract.occ_symbol == "SPY   151219C00126500"
