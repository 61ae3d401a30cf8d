"""A circuit breaker as a value.

A circuit breaker as a value: it counts failures in a row, and says when to stop asking and when to try once.
"""

from dataclasses import dataclass, replace
from typing import Self

from collector.domain.pacing.pace import BreakerState


@dataclass(frozen=True, slots=True)
class Breaker:
    """A breaker; every change returns a new one, and time comes from outside (seconds, any origin).

    threshold: failures in a row that open it. open_s: how long it stays open the first time; each failed trial
    doubles it up to longest_open_s. failures: in a row so far. trips: how often it opened in a row.
    trips_total: how often it opened in all. opened_at: None while closed. on_trial: somebody is trying once.
    """

    threshold: int = 12
    open_s: float = 30.0
    longest_open_s: float = 600.0
    failures: int = 0
    trips: int = 0
    trips_total: int = 0
    opened_at: float | None = None
    on_trial: bool = False

    @property
    def retry_at(self) -> float | None:
        """Return when it half-opens; None while closed."""
        if self.opened_at is None:
            return None
        return self.opened_at + min(self.open_s * 2.0 ** (self.trips - 1), self.longest_open_s)

    def state(self, now: float) -> BreakerState:
        """Return how it stands."""
        retry_at = self.retry_at
        if retry_at is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if now < retry_at else BreakerState.HALF_OPEN

    def claimed(self, now: float) -> Self:
        """Return it after somebody took the one trial of the half-open state: open to all others."""
        return replace(self, opened_at=now, on_trial=True)

    def succeeded(self) -> Self:
        """Return it after a success: closed."""
        return replace(self, failures=0, trips=0, opened_at=None, on_trial=False)

    def failed(self, now: float) -> Self:
        """Return it after a failure: open when there were enough, for longer when it was the trial that failed.

        What was asked before it opened may still fail; that changes nothing.
        """
        failed = replace(self, failures=self.failures + 1)
        if self.on_trial or (self.opened_at is None and failed.failures >= self.threshold):
            trips, total = self.trips + 1, self.trips_total + 1
            return replace(failed, opened_at=now, trips=trips, trips_total=total, on_trial=False)
        return failed
