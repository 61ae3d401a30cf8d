"""The circuit breaker as a value."""

from collector.domain.pacing.pace import BreakerState
from collector.ib.connection.breaker import Breaker

CLOSED = Breaker(threshold=3, open_s=10, longest_open_s=30)


def tripped(at: float = 0.0) -> Breaker:
    """Return the breaker after three failures in a row."""
    return CLOSED.failed(at).failed(at).failed(at)


def test_it_opens_after_failures_in_a_row_only() -> None:
    """A success between them starts the count again."""
    assert CLOSED.failed(0).failed(0).succeeded().failed(0).failed(0).state(0) is BreakerState.CLOSED
    assert tripped().state(0) is BreakerState.OPEN


def test_it_half_opens_when_its_time_is_over() -> None:
    """Ten seconds later one may try."""
    assert tripped(5).state(14.9) is BreakerState.OPEN
    assert tripped(5).state(15) is BreakerState.HALF_OPEN


def test_only_one_may_try() -> None:
    """After the trial was claimed it is open to others."""
    assert tripped().claimed(10).state(10) is BreakerState.OPEN


def test_a_failed_trial_opens_it_for_longer_up_to_a_limit() -> None:
    """10, 20, then 30 seconds at most."""
    second = tripped().claimed(10).failed(11)
    assert second.retry_at == 31
    third = second.claimed(31).failed(31)
    assert third.retry_at == 61
    assert third.trips_total == 3


def test_late_failures_change_nothing_while_it_is_open() -> None:
    """What was asked before it opened may still time out."""
    assert tripped().failed(4).retry_at == 10


def test_a_successful_trial_closes_it() -> None:
    """And the next time it opens for the first length again."""
    closed = tripped().claimed(10).succeeded()
    assert closed.state(11) is BreakerState.CLOSED
    assert closed.failed(20).failed(20).failed(20).retry_at == 30
