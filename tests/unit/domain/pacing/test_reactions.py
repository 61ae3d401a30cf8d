"""The table of reactions."""

import random

import pytest

from collector.config.package_files import resource
from collector.domain.market_data.answers import Failure, Outcome
from collector.domain.pacing.reactions import REACTIONS, delay_s

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


@pytest.mark.parametrize(("outcome", "minutes"), [(Outcome.DISCONNECTED, 23), (Outcome.FARM_DOWN, 80)])
def test_how_long_a_run_goes_on_without_ib(outcome: Outcome, minutes: int) -> None:
    """As config.yaml promises for `gateway.patience_s: 120`, which each attempt of a request spends."""
    waits: list[float] = []
    while (wait := delay_s(outcome, len(waits) + 1, random.Random(len(waits)))) is not None:
        waits.append(wait)
    attempts = len(waits) + 1
    assert (attempts * 120 + sum(waits)) / 60 == pytest.approx(minutes, rel=0.06)
    words = resource("config.yaml").read_text()
    assert f"{attempts} such failures of a request (about {minutes} minutes)" in words or (
        f"with a farm down {attempts} (about {minutes})" in words
    )
