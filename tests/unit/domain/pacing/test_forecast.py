"""How long planned work takes, and what is left over: figures by hand."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from collector.domain.coverage.request_planning import Work
from collector.domain.market_data.answers import HistoricalRequest
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.market_data.instruments import OptionContract, Right, WhatToShow
from collector.domain.market_data.spans import Span
from collector.domain.pacing.forecast import Limit, LimitKind, PastPace, Throughput, forecast, throughput

BEGINS = datetime(2026, 11, 20, 21, 45, tzinfo=UTC)
SPAN = Span(datetime(2026, 11, 20, 14, 30, tzinfo=UTC), datetime(2026, 11, 20, 21, 0, tzinfo=UTC))


def work(*requests: int) -> list[Work]:
    """Return work of so many requests an instrument, in this order."""
    found = []
    for number, count in enumerate(requests):
        contract = OptionContract("PLTR", number, date(2026, 11, 20), Decimal(100 + number), Right.CALL)
        found.append(Work(contract, (HistoricalRequest(contract, OPTION_BARS_5MIN, WhatToShow.BID, SPAN),) * count))
    return found


def after(seconds: float) -> datetime:
    """Return an instant so many seconds after the beginning."""
    return BEGINS + timedelta(seconds=seconds)


def test_the_pace_weighs_runs_by_their_length() -> None:
    """900 requests in 600 s and 10 in 50 s are 910 in 650 s: 1.4 a second, not the mean of 1.5 and 0.2."""
    assert throughput([PastPace(900, 600), PastPace(10, 50), PastPace(0, 30)], 40) == Throughput(1.4, 2, 910)


@pytest.mark.parametrize(("ceiling", "expected"), [(40, 1.0), (0.5, 0.5)])
def test_without_a_past_run_the_pace_is_assumed(ceiling: float, expected: float) -> None:
    """One request a second, never more than is configured; and it says that nothing was measured."""
    assert throughput([], ceiling) == Throughput(expected, 0, 0)


def test_what_fits() -> None:
    """300 requests at 2 a second take 150 s; a limit at that very instant is kept."""
    seen = forecast(work(*[3] * 100), BEGINS, Throughput(2.0), [Limit(LimitKind.DEADLINE, after(150))])
    assert (seen.ends, seen.seconds, seen.fits, seen.left) == (after(150), 150.0, True, ())


def test_what_is_left_over() -> None:
    """Ten seconds at 2 a second are 20 requests: six contracts of three, and the seventh does not fit whole."""
    planned = work(*[3] * 10)
    late, early = Limit(LimitKind.RESTART, after(600)), Limit(LimitKind.NEXT_WINDOW, after(10), "late_night")
    seen = forecast(planned, BEGINS, Throughput(2.0), [late, early])
    assert seen.limits == (early, late)
    assert (seen.ends, seen.fits) == (after(15), False)
    assert (seen.before(early), seen.before(late)) == (False, True)
    assert list(seen.left) == planned[6:]


def test_no_limit_and_no_work() -> None:
    """Without a limit nothing is left over; nothing to do takes no time."""
    assert forecast(work(3, 3), BEGINS, Throughput(1.0), []).left == ()
    assert forecast([], BEGINS, Throughput(1.0), [Limit(LimitKind.DEADLINE, after(1))]).ends == BEGINS
