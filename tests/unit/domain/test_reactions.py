"""The table of reactions."""

import random

import pytest

from collector.domain.answers import Failure, Outcome
from collector.domain.reactions import REACTIONS, delay_s

FAILURES = [outcome for outcome in Outcome if outcome not in (Outcome.BARS, Outcome.NO_DATA)]


def test_every_failure_has_a_reaction() -> None:
    """No outcome falls through the table, and only failures are in it."""
    assert set(REACTIONS) == set(FAILURES)
    with pytest.raises(ValueError, match="no_data"):
        Failure(Outcome.NO_DATA, "")


@pytest.mark.parametrize("outcome", FAILURES)
def test_back_off_is_bounded(outcome: Outcome) -> None:
    """The wait grows to its bound, keeps at least half of it, and ends after the stated number of attempts."""
    reaction, source = REACTIONS[outcome], random.Random(7)
    for failures in range(1, reaction.attempts):
        wait = delay_s(outcome, failures, source)
        longest = min(reaction.first_delay_s * 2.0 ** (failures - 1), reaction.longest_delay_s)
        assert wait is not None
        assert longest / 2 <= wait <= longest
    assert delay_s(outcome, reaction.attempts, source) is None
