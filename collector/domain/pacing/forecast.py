"""Forecast how long requests will take.

How long planned requests will take, and what will be left over when something else is due. Pure.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from collector.domain.coverage.request_planning import Work

UNMEASURED_REQUESTS_PER_S = 1.0
"""Assumed before any run was measured: the lower end of what IB sustains (1 to 5 requests a second)."""

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class PastPace:
    """What one past run sent, and how long it took from beginning to end, seconds."""

    requests: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Throughput:
    """Requests per second of whole runs, with all their waiting. runs, requests: measured on these; 0 runs: assumed."""

    requests_per_s: float
    runs: int = 0
    requests: int = 0


def throughput(past: Iterable[PastPace], messages_per_s: float) -> Throughput:
    """Return the pace of past runs together, so that a short run weighs little.

    Args:
        past: runs that ended well; those that sent nothing do not count.
        messages_per_s: the configured ceiling; bounds what is assumed when there is no run.
    """
    counted = [run for run in past if run.requests > 0 and run.seconds > 0]
    if not counted:
        return Throughput(min(UNMEASURED_REQUESTS_PER_S, messages_per_s))
    requests = sum(run.requests for run in counted)
    return Throughput(requests / sum(run.seconds for run in counted), len(counted), requests)


class LimitKind(StrEnum):
    """What a run has to be finished by."""

    DEADLINE = "deadline"
    NEXT_WINDOW = "next_window"
    RESTART = "gateway_restart"


@dataclass(frozen=True, slots=True)
class Limit:
    """An instant that a run should not pass. window: whose beginning it is, empty for none."""

    kind: LimitKind
    at: datetime
    window: str = ""


@dataclass(frozen=True, slots=True)
class Forecast:
    """When the planned work will be done.

    limits: ascending. left: what the time until the first limit does not suffice for, most urgent first; an
    instrument's requests are counted together.
    """

    begins: datetime
    ends: datetime
    limits: tuple[Limit, ...]
    left: tuple[Work, ...]

    @property
    def seconds(self) -> float:
        """Return how long it takes."""
        return (self.ends - self.begins).total_seconds()

    @property
    def fits(self) -> bool:
        """Return whether all is done before the first limit."""
        return not self.left

    def before(self, limit: Limit) -> bool:
        """Return whether all is done before a limit."""
        return self.ends <= limit.at


def forecast(work: Sequence[Work], begins: datetime, pace: Throughput, limits: Iterable[Limit]) -> Forecast:
    """Return when work will be done at a pace, and what of it comes too late for the first limit.

    Args:
        work: in the order in which it will be asked for.
        begins: when the run begins.
        pace: how fast.
        limits: instants after `begins`, in any order.
    """
    ascending = tuple(sorted(limits, key=lambda limit: (limit.at, limit.kind)))
    requests = sum(len(item.requests) for item in work)
    ends = begins + timedelta(seconds=requests / pace.requests_per_s)
    if not ascending or ends <= ascending[0].at:
        return Forecast(begins, ends, ascending, ())
    room = math.floor((ascending[0].at - begins).total_seconds() * pace.requests_per_s + _ROUNDING)
    done = 0
    for position, item in enumerate(work):
        done += len(item.requests)
        if done > room:
            return Forecast(begins, ends, ascending, tuple(work[position:]))
    return Forecast(begins, ends, ascending, ())
