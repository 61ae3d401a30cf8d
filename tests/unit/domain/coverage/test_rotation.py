"""Whose turn it is: sessions and instants written by hand."""

from collections import Counter
from datetime import UTC, date, datetime
from itertools import pairwise

import pytest

from collector.domain.coverage.rotation import due_before, phase
from collector.domain.market_data.sessions import Session

NOVEMBER = [date(2026, 11, d) for d in (9, 10, 11, 12, 13, 16, 17, 18, 19, 20, 23, 24, 25, 27, 30)]
"""Sessions; Thanksgiving is the 26th."""


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """Return an instant of November in UTC; New York is five hours behind."""
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


def sessions(last: int) -> list[Session]:
    """Return the sessions up to a day of November."""
    return [
        Session(day, at(day.day, 14, 30), at(day.day, 21), at(following.day, 14, 30))
        for day, following in pairwise(NOVEMBER)
        if day.day <= last
    ]


@pytest.mark.parametrize(
    ("last", "number", "own_phase", "every", "expected"),
    [
        (20, 100, 1, 3, 20),  # 100 = 33 × 3 + 1: its turn is today
        (20, 100, 0, 3, 19),  # it was yesterday
        (20, 100, 2, 3, 18),  # and the day before
        (19, 104, 0, 5, 13),  # four sessions ago: last Friday
        (18, 104, 0, 5, 12),  # from Friday to Thursday is one request: still time
        (25, 103, 0, 4, 20),  # Friday; the 27th reaches back to the 21st, so what lies before is due now
        (25, 104, 0, 5, 20),  # its turn was on Thursday 19th; but Friday's slots cannot wait beyond the holiday
        (20, 100, 1, 2, 19),  # every other session: 99 was odd
    ],
)
def test_slots_are_due_up_to_the_last_turn(last: int, number: int, own_phase: int, every: int, expected: int) -> None:
    """The bound is the close of the last turn, or of a session that the next session's request could not reach."""
    assert due_before(sessions(last), number, own_phase, every) == at(expected, 21)


def test_nothing_is_due_before_the_first_turn() -> None:
    """Two sessions since the beginning, and the turn comes with the third."""
    assert due_before(sessions(10), 101, 0, 3) is None


@pytest.mark.parametrize("every", [2, 3, 4, 5])
def test_turns_are_even_and_stable(every: int) -> None:
    """Three thousand contracts, one id after the other, share the sessions within a tenth, each time the same."""
    chosen = [phase(contract_id, every) for contract_id in range(3 << 20, (3 << 20) + 3000)]
    assert chosen == [phase(contract_id, every) for contract_id in range(3 << 20, (3 << 20) + 3000)]
    counts = Counter(chosen)
    assert set(counts) == set(range(every))
    assert all(abs(count - 3000 / every) < 300 / every for count in counts.values())
