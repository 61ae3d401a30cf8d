"""Historical requests: IB's parameters, and the one outcome of each reply."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from collector.domain.market_data.answers import Answer, Failure, HistoricalRequest, Outcome
from collector.domain.market_data.data_sets import UNDERLYING_BARS_5MIN, DataSet
from collector.domain.market_data.instruments import Underlying, WhatToShow
from collector.domain.market_data.spans import Span
from collector.ib.connection.wire_client import End
from collector.ib.historical import Parameters, complete_until, conclude, parameters, sender
from collector.ib.wire_requests import Reply

SPY = Underlying("SPY", 756733)
OPEN = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
CLOSE = datetime(2026, 11, 20, 21, 15, tzinfo=UTC)


def request(start: datetime = OPEN, end: datetime = CLOSE) -> HistoricalRequest:
    """Return a request for SPY's trades, by default of a whole session."""
    return HistoricalRequest(SPY, UNDERLYING_BARS_5MIN, WhatToShow.TRADES, Span(start, end))


def reply(
    outcome: Outcome | None = None,
    *,
    sent_at: datetime = CLOSE + timedelta(minutes=45),
    trusted: bool = True,
    rows: list[str] | None = None,
    notices: tuple[int, ...] = (),
) -> Reply:
    """Return a reply; without an outcome IB completed it."""
    end = End(outcome, "IB's words", None if outcome is None else 162)
    return Reply(end, sent_at, sent_at + timedelta(seconds=2), 2.0, trusted, rows or [], notices)


def bar(start: datetime) -> list[str]:
    """Return the wire's strings of a bar."""
    return [str(int(start.timestamp())), "1", "1", "1", "1", "1", "1", "1"]


@pytest.mark.parametrize(
    ("start", "end", "now", "expected"),
    [
        # Asked at 12:00 New York for the last half hour.
        (OPEN + timedelta(hours=2), OPEN + timedelta(hours=2.5), OPEN + timedelta(hours=2.5), ("", "1920 S")),
        # Asked at 17:00 for the session that ended at 16:15: its start is less than a day ago.
        (OPEN, CLOSE, datetime(2026, 11, 20, 22, tzinfo=UTC), ("", "27120 S")),
        # Asked on Monday for Friday's session.
        (OPEN, CLOSE, datetime(2026, 11, 23, 22, tzinfo=UTC), ("20261120-21:15:00", "24300 S")),
        # Monday to Friday, asked a week later; days are trading days to IB.
        (OPEN - timedelta(days=4), CLOSE, datetime(2026, 11, 27, 22, tzinfo=UTC), ("20261120-21:15:00", "6 D")),
        # From Friday's open until now, on Monday.
        (OPEN, datetime(2026, 11, 23, 21, tzinfo=UTC), datetime(2026, 11, 23, 21, 1, tzinfo=UTC), ("", "5 D")),
        # From 15:00 on Monday until 10:00 on Wednesday: less than two days, but three sessions.
        (
            datetime(2026, 11, 16, 20, tzinfo=UTC),
            datetime(2026, 11, 18, 15, tzinfo=UTC),
            datetime(2026, 11, 20, tzinfo=UTC),
            ("20261118-15:00:00", "3 D"),
        ),
        # A whole week.
        (OPEN - timedelta(days=7), OPEN, datetime(2026, 12, 1, tzinfo=UTC), ("20261120-14:30:00", "8 D")),
    ],
)
def test_parameters(start: datetime, end: datetime, now: datetime, expected: tuple[str, str]) -> None:
    """The end is open when the last day holds the span, and the duration never falls short of it."""
    assert parameters(request(start, end), now) == Parameters(*expected)


def test_a_span_beyond_a_week_is_refused() -> None:
    """IB would truncate it silently; the port does not raise, so it is a failure by name."""
    refused = parameters(request(OPEN - timedelta(days=7), CLOSE), CLOSE)
    assert isinstance(refused, Failure)
    assert refused.outcome is Outcome.REJECTED
    assert "7 days at most" in refused.message


BY_MINUTE = replace(UNDERLYING_BARS_5MIN, bar_size=timedelta(minutes=1), longest_request=timedelta(days=1))
BY_DAY = replace(UNDERLYING_BARS_5MIN, bar_size=timedelta(days=1), longest_request=timedelta(days=364))
FRIDAY, SATURDAY = datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC)


@pytest.mark.parametrize(
    ("data_set", "word"), [(BY_MINUTE, "1 min"), (UNDERLYING_BARS_5MIN, "5 mins"), (BY_DAY, "1 day")]
)
def test_ib_is_asked_for_bars_of_the_data_set(data_set: DataSet, word: str) -> None:
    """The sizes are spelled as IB spells them."""
    sent: list[object] = []

    class Client:
        """Takes what would be sent."""

        def reqHistoricalData(self, *arguments: object) -> None:  # noqa: N802 - ib_async's name
            """Keep it."""
            sent.extend(arguments)

    sender(replace(request(), data_set=data_set), Parameters("", "60 S"))(Client(), 7)
    assert sent[0] == 7
    assert sent[2:7] == ["", "60 S", word, "TRADES", int(word == "1 day")]


def test_a_data_set_says_how_long_a_request_may_be() -> None:
    """Two days of minutes are refused, months of days are not; days are trading days to IB."""
    now = datetime(2026, 11, 24, 22, tzinfo=UTC)
    two_days = replace(request(OPEN - timedelta(days=1), CLOSE), data_set=BY_MINUTE)
    refused = parameters(two_days, now)
    assert isinstance(refused, Failure)
    assert "a day at most" in refused.message
    months = HistoricalRequest(SPY, BY_DAY, WhatToShow.TRADES, Span(SATURDAY - timedelta(days=90), SATURDAY))
    assert parameters(months, now) == Parameters("20261121-00:00:00", "91 D")


@pytest.mark.parametrize(("days", "duration"), [(1, "3 D"), (363, "365 D"), (364, "2 Y"), (3650, "11 Y")])
def test_a_series_that_ends_now_has_no_end(days: int, duration: str) -> None:
    """IB refuses an end for ADJUSTED_LAST, and durations of more than 365 days; the span may be of any length."""
    span = Span(FRIDAY - timedelta(days=days - 1), FRIDAY + timedelta(days=1))
    asked = HistoricalRequest(SPY, BY_DAY, WhatToShow.ADJUSTED_LAST, span)
    assert parameters(asked, datetime(2026, 11, 21, 12, tzinfo=UTC)) == Parameters("", duration)


def dated(day: str) -> list[str]:
    """Return the wire's strings of a bar of a day."""
    return [day, "1", "1", "1", "1", "1", "1", "1"]


def test_bars_of_a_day_bear_its_date() -> None:
    """They start at midnight UTC; that of the running day is one of them, and the answer speaks until its sending."""
    asked = HistoricalRequest(SPY, BY_DAY, WhatToShow.TRADES, Span(FRIDAY - timedelta(days=1), SATURDAY))
    sent_at = CLOSE + timedelta(minutes=20)
    outcome = conclude(asked, reply(sent_at=sent_at, rows=dated("20261119") + dated("20261120")))
    assert isinstance(outcome, Answer)
    assert [found.time for found in outcome.bars] == [FRIDAY - timedelta(days=1), FRIDAY]
    assert outcome.covered_until == sent_at
    garbled = conclude(asked, reply(rows=dated("1795150200")))
    assert isinstance(garbled, Failure)
    assert "is no date" in garbled.message


def test_bars_of_a_minute_are_complete_by_the_minute() -> None:
    """Sent 90 seconds after the open: the first minute is complete, the second is forming."""
    sent_at = OPEN + timedelta(seconds=90)
    rows = bar(OPEN) + bar(OPEN + timedelta(minutes=1))
    outcome = conclude(replace(request(), data_set=BY_MINUTE), reply(sent_at=sent_at, rows=rows))
    assert isinstance(outcome, Answer)
    assert [found.time for found in outcome.bars] == [OPEN]
    assert outcome.covered_until == OPEN + timedelta(minutes=1)


def test_a_span_that_has_not_begun_is_refused() -> None:
    """There is nothing that could be asked for: a clock was set back since it was planned."""
    refused = parameters(request(), OPEN)
    assert isinstance(refused, Failure)
    assert refused.outcome is Outcome.REJECTED
    assert "14:30 has not begun" in refused.message


@pytest.mark.parametrize(
    ("skew_s", "duration"), [(-7200, "27120 S"), (0, "27120 S"), (60, "27120 S"), (240, "27360 S"), (7200, "34320 S")]
)
def test_a_gateway_that_is_behind_ib_asks_for_more(skew_s: int, duration: str) -> None:
    """IB counts back from its own now; seven and a half hours after the open, two more are needed two hours behind."""
    asked = parameters(request(), datetime(2026, 11, 20, 22, tzinfo=UTC), timedelta(seconds=skew_s))
    assert asked == Parameters("", duration)


def test_a_gateway_that_is_ahead_of_ib_covers_less() -> None:
    """What IB says of its own now counts where it is earlier."""
    outcome = conclude(request(), reply(sent_at=OPEN + timedelta(hours=3), rows=bar(OPEN)), timedelta(hours=-2))
    assert isinstance(outcome, Answer)
    assert outcome.covered_until == outcome.sent_at == OPEN + timedelta(hours=1)


def test_the_last_complete_slot() -> None:
    """It ends at the last five minutes on the clock."""
    assert complete_until(UNDERLYING_BARS_5MIN, OPEN + timedelta(minutes=4, seconds=59)) == OPEN
    assert complete_until(UNDERLYING_BARS_5MIN, OPEN + timedelta(minutes=5)) == OPEN + timedelta(minutes=5)


def test_bars_are_an_answer_that_covers_what_was_complete_at_sending() -> None:
    """A bar that was forming at sending is dropped, although it was complete when the answer came."""
    sent_at = OPEN + timedelta(minutes=9, seconds=59)
    outcome = conclude(request(), reply(sent_at=sent_at, rows=bar(OPEN) + bar(OPEN + timedelta(minutes=5))))
    assert isinstance(outcome, Answer)
    assert [found.time for found in outcome.bars] == [OPEN]
    assert outcome.covered_until == OPEN + timedelta(minutes=5)
    assert outcome.sent_at == sent_at


def test_a_withheld_tail_covers_less() -> None:
    """With notice 2188 the answer speaks for slots that ended half an hour before sending only."""
    sent_at = OPEN + timedelta(hours=1, minutes=2)
    outcome = conclude(
        request(), reply(sent_at=sent_at, rows=bar(OPEN) + bar(OPEN + timedelta(minutes=30)), notices=(2188,))
    )
    assert isinstance(outcome, Answer)
    assert outcome.covered_until == OPEN + timedelta(minutes=30)
    assert [found.time for found in outcome.bars] == [OPEN]
    assert outcome.notices == (2188,)


def test_no_data_from_a_healthy_ib_is_an_answer() -> None:
    """The words "no data" are definite when nothing was disturbed."""
    outcome = conclude(request(), reply(Outcome.NO_DATA))
    assert isinstance(outcome, Answer)
    assert outcome.outcome is Outcome.NO_DATA
    assert outcome.covered_until == CLOSE + timedelta(minutes=45)


@pytest.mark.parametrize("said", [Outcome.NO_DATA, Outcome.UNKNOWN_CONTRACT])
def test_no_data_and_unknown_contract_from_a_disturbed_ib_are_not_believed(said: Outcome) -> None:
    """A farm notice between sending and answer makes them the farm's fault."""
    outcome = conclude(request(), reply(said, trusted=False))
    assert isinstance(outcome, Failure)
    assert outcome.outcome is Outcome.FARM_DOWN


def test_an_empty_frame_is_no_answer() -> None:
    """An empty list without a reason says nothing."""
    outcome = conclude(request(), reply(rows=[]))
    assert isinstance(outcome, Failure)
    assert outcome.outcome is Outcome.UNKNOWN


def test_a_malformed_frame_is_no_answer() -> None:
    """What cannot be read says nothing."""
    outcome = conclude(request(), reply(rows=["nonsense"]))
    assert isinstance(outcome, Failure)
    assert outcome.outcome is Outcome.UNKNOWN
    assert "malformed" in outcome.message


@pytest.mark.parametrize(
    "said", [outcome for outcome in Outcome if outcome not in (Outcome.BARS, Outcome.NO_DATA)], ids=str
)
def test_every_other_end_is_a_failure_of_that_name(said: Outcome) -> None:
    """Nothing but bars and a believed "no data" is an answer."""
    outcome = conclude(request(), reply(said))
    assert isinstance(outcome, Failure)
    assert outcome.outcome is said
    assert outcome.message == "IB's words"
