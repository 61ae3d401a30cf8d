"""Figures, times and subjects as a person reads them."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from collector.domain.report import Expiring
from collector.domain.runs import RunStatus
from collector.notify import examples, wording


@pytest.mark.parametrize(
    ("share", "words"),
    [(1.0, "100.0 %"), (0.99999, "99.9 %"), (0.998, "99.8 %"), (0.0, "0.0 %"), (0.29, "29.0 %"), (None, "–")],
)
def test_percent_never_rounds_up_to_complete(share: float | None, words: str) -> None:
    """One missing slot in a hundred thousand still shows."""
    assert words == wording.percent(share)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (59, "59 s"), (61, "1 min 01 s"), (6760, "1 h 52 min"), (None, "–")]
)
def test_durations(seconds: float | None, words: str) -> None:
    """Long durations drop their seconds, short ones keep them."""
    assert words == wording.duration(seconds)


@pytest.mark.parametrize(
    ("number", "words"), [(999, "999 B"), (18_400_000_000, "18.4 GB"), (-2_500_000, "-2.5 MB"), (None, "–")]
)
def test_sizes(number: float | None, words: str) -> None:
    """Decimal units, one decimal."""
    assert words == wording.size(number)


@pytest.mark.parametrize(
    ("instant", "words"),
    [
        (datetime(2026, 11, 20, 21, 45, tzinfo=UTC), "Fri 2026-11-20 23:45 Israel · 16:45 New York"),
        (datetime(2026, 11, 20, 23, 0, tzinfo=UTC), "Sat 2026-11-21 01:00 Israel · Fri 18:00 New York"),
        # Between the two clock changes of autumn (25 October in Israel, 1 November in New York): six hours.
        (datetime(2026, 10, 28, 20, 45, tzinfo=UTC), "Wed 2026-10-28 22:45 Israel · 16:45 New York"),
    ],
)
def test_instants_in_both_zones(instant: datetime, words: str) -> None:
    """Seven hours apart most of the year, six in between; another day is named."""
    assert words == wording.both_zones(instant)


def test_subjects_sort_and_filter() -> None:
    """Window, session, state, then figures: always in this order."""
    success = examples.success()

    assert wording.subject(success) == f"eod 2026-11-20 OK · 99.8 % · {success.bars:,} bars"
    assert wording.subject(examples.preflight_failed()) == "eod 2026-11-20 PREFLIGHT FAILED · gateway down"
    assert wording.subject(examples.intraday()).startswith("morning 2026-11-20 OK · 100.0 % covered · ")
    assert wording.subject(replace(success, expiring=Expiring(lost=3))).endswith(" · 3 lost")
    assert wording.week_subject(examples.week()).startswith("week 2026-11-16 to 2026-11-20 1 failed, 1 partial · ")


def test_the_headline_says_whether_to_trust() -> None:
    """Complete, with care, or nothing at all: one sentence each."""
    complete = replace(examples.intraday())
    assert wording.headline(complete) == "Every expected slot of every series is covered."
    assert wording.headline(examples.partial()).startswith("Use these bars with care: 59,202 of 1,094,040 series-slots")
    assert "safely stored" in wording.headline(examples.failed())
    assert wording.headline(examples.preflight_failed()).startswith("Nothing was asked for")
    assert wording.headline(replace(examples.success(), status=RunStatus.RUNNING)).startswith("The run is still")
    assert wording.headline(replace(examples.success(), symbols=())).startswith("Nothing was due")


def test_the_line_of_blocks() -> None:
    """Lowest and highest block at the ends of the scale, a space where nothing is known."""
    assert wording.sparkline([0.5, 1.0, None, 0.75], 0.5) == "▁█ ▄"
