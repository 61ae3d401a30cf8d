"""What IB's answers tell about the time."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from collector.domain.market_data.answers import Answer, HistoricalRequest, Outcome
from collector.domain.market_data.instruments import Instrument, OptionContract, Right, Underlying, WhatToShow
from collector.domain.market_data.spans import Span
from collector.ib.connection.source_time import SHORT, TellingTime, told_skew
from collector.ib.connection.wire_client import End
from collector.ib.historical import Parameters
from collector.ib.wire_requests import Reply
from tests.support.slots import data_set_of

OPEN = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
NOON = datetime(2026, 11, 20, 17, 2, tzinfo=UTC)
SPAN = Span(OPEN, datetime(2026, 11, 20, 17, 0, tzinfo=UTC))
SPY = Underlying("SPY", 756733)
VIX = Underlying("VIX", 13455763, sec_type="IND", exchange="CBOE")
OPTION = OptionContract("SPY", 1, date(2026, 11, 20), Decimal(670), Right.CALL)
OPEN_ENDED = Parameters("", "9240 S")


def reply(*starts: datetime, told: tuple[str, str] = ("", ""), outcome: Outcome | None = None) -> Reply:
    """Return a reply to a request sent at 12:02 by the gateway's clock, with bars that start at some instants."""
    rows = [text for at in starts for text in (str(int(at.timestamp())), "1", "1", "1", "1", "1", "1", "1")]
    end = End(outcome, "IB's words", None if outcome is None else 162)
    return Reply(end, NOON, NOON + timedelta(seconds=2), 2.0, trusted=True, rows=rows, told_span=told)


def asking(instrument: Instrument) -> HistoricalRequest:
    """Return a request for the morning."""
    return HistoricalRequest(instrument, data_set_of(instrument), WhatToShow.TRADES, SPAN)


@pytest.mark.parametrize(
    ("end", "skew"),
    [
        ("20261120 12:02:01 US/Eastern", timedelta(seconds=1)),
        ("20261120 14:02:00 America/New_York", timedelta(hours=2)),
        ("20261120 10:02:00 US/Eastern", timedelta(hours=-2)),
        ("20261120  19:02:00 Asia/Jerusalem", timedelta(0)),
        ("20261120-17:02:00", timedelta(0)),
        # No zone, no such zone, nothing, nonsense, another age: nothing is told.
        ("20261120 12:02:01", None),
        ("20261120 12:02:01 Nowhere/Land", None),
        ("20261120 12:02:01 ../../etc", None),
        ("", None),
        ("20269999 12:02:01 US/Eastern", None),
        ("19700101-00:00:00", None),
    ],
)
def test_the_end_of_an_open_ended_answer_is_ibs_own_now(end: str, skew: timedelta | None) -> None:
    """Compared with 12:02 New York, the gateway's time at sending; an end that we named ourselves tells nothing."""
    assert told_skew(OPEN_ENDED, reply(told=("", end))) == skew
    assert told_skew(Parameters("20261120-17:00:00", "9000 S"), reply(told=("", end))) is None


def test_the_latest_bar_of_an_underlying_is_remembered() -> None:
    """The forming one counts; an option's and an earlier one do not, an index's for itself; every answer carries it."""
    time = TellingTime()
    option = time.concluded(asking(OPTION), OPEN_ENDED, reply(NOON - timedelta(minutes=2)))
    assert isinstance(option, Answer)
    assert option.seen_until is None
    index = time.concluded(asking(VIX), OPEN_ENDED, reply(NOON - timedelta(minutes=2)))
    assert isinstance(index, Answer)
    assert (index.seen_until, time.seen_until) == (NOON - timedelta(minutes=2), None)
    forming = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
    own = time.concluded(asking(SPY), OPEN_ENDED, reply(OPEN, forming))
    assert isinstance(own, Answer)
    assert [bar.time for bar in own.bars] == [OPEN]
    assert own.seen_until == forming
    time.concluded(asking(SPY), OPEN_ENDED, reply(OPEN))
    later = time.concluded(asking(OPTION), OPEN_ENDED, reply(outcome=Outcome.NO_DATA))
    assert isinstance(later, Answer)
    assert later.seen_until == time.seen_until == forming


def test_a_bar_from_beyond_the_clock_proves_no_more_than_the_clock() -> None:
    """A row that says 2030 is garbled, or the clock is: the earlier of both counts."""
    time = TellingTime()
    time.concluded(asking(SPY), OPEN_ENDED, reply(OPEN, datetime(2030, 1, 1, tzinfo=UTC)))
    assert time.seen_until == datetime(2026, 11, 20, 17, 0, tzinfo=UTC)


def test_an_answer_that_misses_the_start_of_the_span_is_short() -> None:
    """IB counted back 2:34 h from 14:02: what was before 11:28 is missing, which is no sign that nothing traded.

    An answer without bars names no span: it goes by what the one before has told.
    """
    time = TellingTime()
    span = ("20261120 11:28:00 US/Eastern", "20261120 14:02:00 US/Eastern")
    late = OPEN + timedelta(hours=2, minutes=5)
    assert time.concluded(asking(SPY), OPEN_ENDED, reply(late, told=span)) is SHORT
    assert time.skew == timedelta(hours=2)
    assert time.concluded(asking(OPTION), OPEN_ENDED, reply(outcome=Outcome.NO_DATA)) is SHORT
    longer = Parameters("", "16440 S")
    assert isinstance(time.concluded(asking(OPTION), longer, reply(outcome=Outcome.NO_DATA)), Answer)
