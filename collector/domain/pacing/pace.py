"""How fast a source is being asked.

As values: for the progress bar, the log, the run row and the report.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from collector.domain.conditions import ConditionKind


class BreakerState(StrEnum):
    """Closed: ask. Open: do not ask. Half-open: ask once, to see."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Pace:
    """in_flight, limit: requests open now, and how many there may be. latency_s: median of the latest answers.

    requests_per_s: finished ones over the last half minute. pauses: global pauses so far; paused_s: what is left of the
    current one, seconds. waiting: why requests wait, empty when they do not. condition: what kind of reason that is,
    pauses included; None when requests may pass. breaker: not closed after many requests in a row without an answer.
    """

    in_flight: int = 0
    limit: int = 0
    requests_per_s: float = 0.0
    latency_s: float | None = None
    pauses: int = 0
    paused_s: float = 0.0
    waiting: str = ""
    condition: ConditionKind | None = None
    breaker: BreakerState = BreakerState.CLOSED


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Seconds between sending and answer over the run's answered requests (nearest-rank percentiles)."""

    count: int
    p50_s: float
    p90_s: float
    p99_s: float
    max_s: float

    @classmethod
    def of(cls, samples_s: Iterable[float]) -> "Latency | None":
        """Return the percentiles of the samples, None when there are none."""
        ordered = sorted(samples_s)
        if not ordered:
            return None

        def at(share: float) -> float:
            return ordered[max(0, -(-int(share * 100) * len(ordered) // 100) - 1)]

        return cls(count=len(ordered), p50_s=at(0.50), p90_s=at(0.90), p99_s=at(0.99), max_s=ordered[-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class PacerSample:
    """The pacer over one interval of the run, which ended `at_s` seconds after its start.

    requests_per_s: historical requests sent in the interval, per second. latency_s: their median, None without one.
    open_requests and limit: requests open at the end, and how many the pacer allowed.
    """

    at_s: float
    requests_per_s: float
    open_requests: int
    limit: int
    latency_s: float | None = None
