"""On which days something expires: what was selected, what may still be, and what nobody knows."""

from datetime import date

import pytest

from collector.domain.coverage.expiration_days import Expirations

TUESDAY = date(2026, 11, 17)
KNOWN = Expirations(
    TUESDAY,
    selected=frozenset({date(2026, 11, 13), date(2026, 11, 20)}),
    listed=frozenset({date(2026, 11, 11), date(2026, 11, 20), date(2026, 11, 23), date(2026, 12, 18)}),
    read_on=date(2026, 11, 16),
)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2026, 11, 13), True),  # selected, and gone
        (date(2026, 11, 11), False),  # was listed, was never selected: nothing is lost
        (date(2026, 11, 16), False),
        (TUESDAY, False),
        (date(2026, 11, 20), True),
        (date(2026, 11, 23), True),  # listed: it may still be selected
        (date(2026, 11, 19), False),
        (date(2026, 11, 24), True),  # more than a week after the reading: it may still be listed
        (date(2026, 12, 18), True),
    ],
)
def test_days(day: date, expected: bool) -> None:
    """Past days count what was selected; a week from the chain's reading what it lists; all beyond may be one."""
    assert KNOWN.expected(day) is expected


def test_nothing_is_known_before_the_first_chain() -> None:
    """Without a chain any day from today on may be one, and no past day was."""
    fresh = Expirations(TUESDAY)
    assert [fresh.expected(date(2026, 11, day)) for day in (16, 17, 18)] == [False, True, True]
