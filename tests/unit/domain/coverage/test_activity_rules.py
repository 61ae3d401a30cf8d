"""Which contracts are active enough."""

import pytest

from collector.domain.coverage.activity_rules import Activity, is_active, is_unusual

QUIET = Activity(open_interest=10, sessions=20, average_volume=2.0, latest_volume=1.0)


@pytest.mark.parametrize(
    ("known", "is_etf", "active"),
    [
        (QUIET, True, False),
        (Activity(100, 20, 10.0, 5.0), True, True),
        (Activity(99, 20, 10.0, 5.0), True, False),
        (Activity(99, 20, 10.0, 5.0), False, True),
        (Activity(50, 20, 10.0, 5.0), False, True),
        (Activity(49, 20, 10.0, 5.0), False, False),
        (Activity(500, 20, 9.9, 5.0), True, False),
        (Activity(None, 20, 10.0, 5.0), True, True),
        (Activity(None, 20, 9.0, 5.0), True, False),
        (Activity(0, 20, 2.0, 10.0), True, True),
        (Activity(0, 20, 2.0, 9.9), True, False),
        (Activity(0, 4, 0.0, 0.0), True, True),
        (Activity(0, 5, 0.0, 0.0), True, False),
        (Activity(0, 20, 0.0, 0.0, held_this_week=True), False, True),
    ],
)
def test_filters(known: Activity, is_etf: bool, active: bool) -> None:
    """At least 100 open (50 for stocks) and 10 a day; unusual volume, no history, or data of this week overrule it."""
    assert is_active(known, is_etf=is_etf) is active


def test_unusual_volume() -> None:
    """Five times the average is unusual; the first trade of a contract that never traded is not."""
    assert is_unusual(Activity(0, 20, 10.0, 50.0))
    assert not is_unusual(Activity(0, 20, 10.0, 49.0))
    assert not is_unusual(Activity(0, 20, 0.0, 5.0))
