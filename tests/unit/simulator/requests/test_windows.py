"""The span that a historical request's end and duration mean."""

from datetime import UTC, datetime

import pytest

from collector.simulator.replies import Refusal
from collector.simulator.requests.windows import Window, delivered, parse_end

FRIDAY_EVENING = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("", FRIDAY_EVENING),
        ("20261120 21:00:00 UTC", datetime(2026, 11, 20, 21, 0, tzinfo=UTC)),
        ("20261120-21:00:00", datetime(2026, 11, 20, 21, 0, tzinfo=UTC)),
        ("20261120 16:00:00 US/Eastern", datetime(2026, 11, 20, 21, 0, tzinfo=UTC)),
        ("20260710 16:00:00 US/Eastern", datetime(2026, 7, 10, 20, 0, tzinfo=UTC)),
    ],
)
def test_end_forms(text: str, instant: datetime) -> None:
    """Each documented way to write an end is understood."""
    assert parse_end(text, FRIDAY_EVENING) == (instant, False)


def test_end_without_zone_is_new_york_and_said() -> None:
    """A missing zone is taken as the exchange's and reported."""
    assert parse_end("20261120 16:00:00", FRIDAY_EVENING) == (datetime(2026, 11, 20, 21, 0, tzinfo=UTC), True)


@pytest.mark.parametrize("text", ["2026-11-20 16:00:00", "20261120 16:00:00 GMT", "20261320-16:00:00", "tomorrow"])
def test_malformed_end_is_10314(text: str) -> None:
    """Wrong form, wrong zone and impossible dates are refused as IB does."""
    refused = parse_end(text, FRIDAY_EVENING)
    assert isinstance(refused, Refusal)
    assert refused.code == 10314


@pytest.mark.parametrize(
    ("end", "duration", "start"),
    [
        ("", "1 D", datetime(2026, 11, 20, 5, 0, tzinfo=UTC)),  # this session
        ("20261123-14:00:00", "1 D", datetime(2026, 11, 20, 5, 0, tzinfo=UTC)),  # Monday before the open: Friday
        ("20261123-18:00:00", "2 D", datetime(2026, 11, 20, 5, 0, tzinfo=UTC)),  # over a weekend
        ("20261127-18:00:00", "2 D", datetime(2026, 11, 25, 5, 0, tzinfo=UTC)),  # over Thanksgiving
        ("", "3600 S", datetime(2026, 11, 20, 21, 0, tzinfo=UTC)),
        ("", "1 W", datetime(2026, 11, 13, 22, 0, tzinfo=UTC)),
        ("", "1 M", datetime(2026, 11, 13, 22, 0, tzinfo=UTC)),  # silently cut to a week
        ("", "1 Y", datetime(2026, 11, 13, 22, 0, tzinfo=UTC)),
    ],
)
def test_start_of_durations(end: str, duration: str, start: datetime) -> None:
    """Days count sessions, the rest counts back by the calendar, and 5-minute bars reach a week at most."""
    window = delivered(end, duration, 300, FRIDAY_EVENING)
    assert isinstance(window, Window)
    assert window.start == start


@pytest.mark.parametrize(
    ("bar_s", "end", "duration", "start"),
    [
        (60, "", "1 D", datetime(2026, 11, 20, 5, 0, tzinfo=UTC)),
        (60, "", "1 W", datetime(2026, 11, 19, 22, 0, tzinfo=UTC)),  # cut to a day
        (60, "20261122-18:00:00", "1 D", datetime(2026, 11, 20, 5, 0, tzinfo=UTC)),  # on Sunday: Friday
        (60, "20261122-18:00:00", "5 D", datetime(2026, 11, 20, 5, 0, tzinfo=UTC)),
        (30, "20261123-14:00:00", "1 D", datetime(2026, 11, 20, 5, 0, tzinfo=UTC)),  # Monday before the open: Friday
        (3600, "", "5 Y", datetime(2025, 11, 19, 22, 0, tzinfo=UTC)),
        (86_400, "", "10 Y", datetime(2016, 11, 20, 22, 0, tzinfo=UTC)),
        (86_400, "", "68 Y", datetime(1958, 11, 20, 22, 0, tzinfo=UTC)),
        (86_400, "", "12 M", datetime(2025, 11, 20, 22, 0, tzinfo=UTC)),
        (86_400, "", "52 W", datetime(2025, 11, 21, 22, 0, tzinfo=UTC)),
    ],
)
def test_how_much_one_answer_holds(bar_s: int, end: str, duration: str, start: datetime) -> None:
    """Bars up to a minute reach a day, which is the last session; hours reach a year; daily bars are never cut."""
    window = delivered(end, duration, bar_s, FRIDAY_EVENING)
    assert isinstance(window, Window)
    assert window.start == start


@pytest.mark.parametrize(
    "duration", ["1D", "1 d", "0 D", "", "366 D", "53 W", "13 M", "69 Y", "29 S", "86401 S", "1 X"]
)
def test_wrong_durations_are_321(duration: str) -> None:
    """A duration that IB does not take is a validation error."""
    refused = delivered("", duration, 300, FRIDAY_EVENING)
    assert isinstance(refused, Refusal)
    assert refused.code == 321
