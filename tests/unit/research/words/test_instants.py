"""Days and instants are read as people write them, and what could mean two things is refused."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from collector.domain.errors import NaiveInstant, UsageError
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN, UNDERLYING_BARS_1DAY
from collector.domain.market_data.spans import Span
from collector.research.words import instants

AT = datetime(2026, 11, 25, 20, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "moment",
    [
        "2026-11-25 15:30 America/New_York",
        "  2026-11-25   15:30  America/New_York ",
        "2026-11-25 20:30 UTC",
        "2026-11-25T15:30-05:00",
        "2026-11-25 20:30:00+00:00",
        "2026-11-25T20:30Z",
        datetime(2026, 11, 25, 15, 30, tzinfo=ZoneInfo("America/New_York")),
    ],
)
def test_an_instant_is_read(moment: str | datetime) -> None:
    """However an instant is written, it is the same one."""
    assert instants.read(moment) == AT


def test_a_day_is_read() -> None:
    """A day is a day, as text or as a date."""
    assert instants.read("2026-11-25") == instants.read(date(2026, 11, 25)) == date(2026, 11, 25)


@pytest.mark.parametrize("moment", ["2026-11-25 15:30", datetime(2026, 11, 25, 15, 30)])  # noqa: DTZ001 - what is shown
def test_a_naive_instant_is_refused_with_the_remedy(moment: str | datetime) -> None:
    """Nobody guesses a zone; the error says how to write one."""
    with pytest.raises(NaiveInstant, match="has no time zone") as told:
        instants.read(moment)
    assert "America/New_York" in told.value.hint


@pytest.mark.parametrize("moment", ["", "soon", "2026-13-01", "2026-11-25 15:30 Mars/Olympus", "2026-11-25 25:00 UTC"])
def test_nonsense_is_refused(moment: str) -> None:
    """What is neither a day nor an instant is an error with an example."""
    with pytest.raises(UsageError, match="neither a day nor an instant"):
        instants.read(moment)


def test_days_count_whole_and_instants_do_not() -> None:
    """Both days belong to a span, New York's for slots in a day, UTC's for bars of days; an end instant does not."""
    days = instants.span("2026-11-25", "2026-11-25", OPTION_BARS_5MIN)
    assert days == Span(datetime(2026, 11, 25, 5, tzinfo=UTC), datetime(2026, 11, 26, 5, tzinfo=UTC))
    whole = instants.span("2026-11-25", "2026-11-25", UNDERLYING_BARS_1DAY)
    assert whole == Span(datetime(2026, 11, 25, tzinfo=UTC), datetime(2026, 11, 26, tzinfo=UTC))
    assert instants.span("2026-11-25", AT, OPTION_BARS_5MIN).end == AT
    with pytest.raises(UsageError, match="nothing lies between"):
        instants.span(AT, AT, OPTION_BARS_5MIN)


def test_an_instant_means_the_slot_that_it_lies_in() -> None:
    """An instant inside a slot names it; a day names none."""
    assert instants.slot_of("2026-11-25 20:33 UTC", OPTION_BARS_5MIN) == AT
    with pytest.raises(UsageError, match="a day, not an instant"):
        instants.slot_of("2026-11-25", OPTION_BARS_5MIN)
