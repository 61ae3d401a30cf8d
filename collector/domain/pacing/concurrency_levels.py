"""What is known of each number of requests in flight, and which one it is worth to measure next.

Throughput follows from Little's law: requests in flight ÷ mean latency. Two assumptions make the search short. On its
way up the curve of throughput over requests in flight is concave (twice the requests never bring more than twice the
throughput), so two lower points bound what lies beyond; after its peak it may fall in any way.
"""

import math
from dataclasses import dataclass

TOLERANCE = 0.02
"""The share of throughput that is given away for fewer requests in flight, and so a shorter latency."""

_FAR_TURNS = frozenset({1, 2})
"""Of four trials (above, below, above, below), those that look far when nothing speaks against it."""

_TYPICAL_SPREAD = 0.3
_TYPICAL_COUNT = 6.0
"""Until there are latencies enough, their relative spread is taken to be this, with the weight of so many."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """The throughput at one number in flight.

    rate: requests per second. latency_s: mean. spread: standard deviation ÷ mean of the latencies.
    count: latencies seen. bound: the requests in flight were the limit, neither messages nor demand were.
    """

    rate: float
    latency_s: float
    spread: float
    count: float
    bound: bool = True

    @property
    def error(self) -> float:
        """The relative standard error of the rate."""
        return self.likely_spread / math.sqrt(self.count)

    @property
    def likely_spread(self) -> float:
        """The spread, which a few latencies do not tell yet."""
        known, assumed = self.count * self.spread**2, _TYPICAL_COUNT * _TYPICAL_SPREAD**2
        return math.sqrt((known + assumed) / (self.count + _TYPICAL_COUNT))

    def merged(self, newer: "Estimate", most: float) -> "Estimate":
        """Return both as one; what is old counts for `most` latencies and less."""
        old = min(self.count, most)
        total = old + newer.count
        share = newer.count / total
        latency_s = self.latency_s * (1 - share) + newer.latency_s * share
        spread = math.sqrt(self.spread**2 * (1 - share) + newer.spread**2 * share)
        rate = 1 / ((1 - share) / self.rate + share / newer.rate)
        return Estimate(rate, latency_s, spread, total, newer.bound)


class Measurement:
    """Latencies at one number in flight, from the moment at which the service has got used to it.

    Args:
        level: requests in flight, at most.
        began: when the level was set, in seconds; requests sent before do not count.
        settle: answers to later requests that do not count either.
    """

    def __init__(self, level: int, began: float, settle: int) -> None:
        self.level = level
        self.began = began
        self.opened: float | None = None
        self.count = 0
        self._settle = settle
        self._mean_s = 0.0
        self._squares = 0.0
        self._in_flight = 0

    def add(self, now: float, latency_s: float, in_flight: int) -> bool:
        """Take an answer that came now; in_flight includes it. False when it does not count."""
        if now - latency_s < self.began - 1e-9:
            return False
        if self._settle > 0:
            self._settle -= 1
            return False
        if self.opened is None:
            self.opened = now
        self.count += 1
        step = latency_s - self._mean_s
        self._mean_s += step / self.count
        self._squares += step * (latency_s - self._mean_s)
        self._in_flight += in_flight
        return True

    def estimate(self, most_per_s: float) -> Estimate:
        """Return the throughput at this level, given the ceiling of messages per second."""
        mean_s = max(self._mean_s, 1e-6)
        in_flight = min(self._in_flight / self.count, self.level)
        rate = min(in_flight / mean_s, most_per_s)
        return Estimate(
            rate, mean_s, math.sqrt(self._squares / self.count) / mean_s, self.count, in_flight >= 0.93 * self.level
        )

    def renew(self) -> None:
        """Begin to count afresh, at the same level and without a pause to settle."""
        self.opened = None
        self.count = self._in_flight = 0
        self._mean_s = self._squares = 0.0


class Levels:
    """The estimates, and the decisions that follow from them. Numbers in flight are 1 … ceiling."""

    def __init__(self) -> None:
        self.known: dict[int, Estimate] = {}

    @property
    def top(self) -> Estimate:
        """The highest throughput known."""
        return max(self.known.values(), key=lambda estimate: estimate.rate)

    def best(self, ceiling: int) -> int:
        """Return the smallest number in flight that brings the highest throughput, as far as can be told."""
        allowed = {level: estimate for level, estimate in self.known.items() if level <= ceiling} or self.known
        top = max(allowed.values(), key=lambda estimate: estimate.rate)
        free = [level for level, estimate in allowed.items() if not estimate.bound]
        if free:
            return min(free)  # messages are the limit: fewer in flight would not be answered sooner
        for level, estimate in sorted(allowed.items()):
            doubt = math.hypot(estimate.error, top.error) if estimate is not top else 0.0
            if math.log(top.rate / estimate.rate) <= TOLERANCE + doubt:
                return level
        raise AssertionError("the highest is as good as itself")

    def worth_measuring(self, ceiling: int, *, downward: bool) -> int | None:
        """Return a number in flight that could be better than the best one, or None.

        Args:
            ceiling: none above it.
            downward: begin below the best rather than above it.
        """
        best = self.best(ceiling)
        above = min((level for level in self.known if level > best), default=None)
        below = max((level for level in self.known if level < best), default=0)
        can_rise = self.known[best].bound
        double = min(2 * best, ceiling)
        raise_to = double if above is None and can_rise and double > best else None
        halve_to = best // 2 if below == 0 and best > 1 else None
        for first in (halve_to, raise_to) if downward else (raise_to, halve_to):
            if first is not None:
                return first
        enough = self.top.rate * (1 - TOLERANCE)
        promises: list[tuple[float, int]] = []
        step = max(1, best // 8)
        if above is not None and can_rise and above - best > step:
            middle = (best + above) // 2
            if middle <= ceiling:
                promises.append((self._bound_at(middle, best) / (1 + 3 * TOLERANCE), middle))
        if best - below > step:
            middle = (best + below + 1) // 2
            promises.append((self._bound_at(middle, below) if below else math.inf, middle))
        promise, level = max(promises, default=(0.0, 0))
        return level if promise >= enough else None

    def contradicts(self, level: int, found: Estimate) -> bool:
        """Tell whether a measurement cannot be true together with what is known: the service has changed."""
        earlier = self.known.get(level)
        if earlier is not None:
            surprise = abs(math.log(found.rate / earlier.rate))
            return surprise > 0.05 + 2.5 * math.hypot(found.error, earlier.error)
        lower = max((other for other in self.known if other < level), default=0)
        if not lower:
            return False
        error = math.hypot(found.error, 2 * self.known[lower].error)
        return math.log(found.rate / self._bound_at(level, lower)) > 0.05 + 2.5 * error

    def is_worse(self, level: int) -> bool:
        """Tell whether a number in flight brings less without a doubt."""
        estimate, top = self.known[level], self.top
        return math.log(top.rate / estimate.rate) > 0.04 + 2 * math.hypot(estimate.error, top.error)

    def trial(self, ceiling: int, turn: int) -> tuple[int, bool]:
        """Return a neighbour of the best number that deserves another look, and whether it is known to be worse.

        Turns look above and below by turns: a service that has become better there does not show here by itself. Every
        second look goes far, the first below does, unless something nearer is worse.

        Args:
            ceiling: none above it.
            turn: 0, 1, 2 …
        """
        best = self.best(ceiling)
        step = max(1, best // 6)
        above = turn % 2 == 0
        worse = any(self.is_worse(level) for level in self.known if (level > best if above else level < best))
        far = turn % 4 in _FAR_TURNS and not worse
        if above:
            return (min(ceiling, 2 * best if far else best + step) if self.known[best].bound else best), worse
        return max(1, best // 2 if far else best - step), worse

    def _bound_at(self, level: int, lower: int) -> float:
        """Return the most that a concave curve can reach at `level`, from the point `lower` and the one below it."""
        before = max((other for other in self.known if other < lower), default=0)
        rate_before = self.known[before].rate if before else 0.0
        slope = max(0.0, (self.known[lower].rate - rate_before) / (lower - before))
        return self.known[lower].rate + slope * (level - lower)


class ChangeWatch:
    """Notices that latencies are no longer what they were (a two-sided cumulative sum).

    One deviation counts at most three times the spread, so that a straggler is no change.
    """

    _ALARM = 14.0
    _DRIFT = 0.3

    def __init__(self) -> None:
        self._longer, self._shorter = _Run(), _Run()

    def changed(self, latency_s: float, usual: Estimate) -> float | None:
        """Take a latency; return the mean of the latencies since they have become different, or None."""
        spread = max(usual.likely_spread, 0.08)
        deviation = max(-3.0, min(3.0, (latency_s / usual.latency_s - 1) / spread))
        allowed = self._DRIFT + 1.5 / math.sqrt(usual.count)
        for run, excess in ((self._longer, deviation - allowed), (self._shorter, -deviation - allowed)):
            run.add(excess, latency_s)
            if run.excess > self._ALARM:
                return run.sum_s / run.count
        return None


@dataclass(slots=True)
class _Run:
    """Latencies on one side of what is usual, since they began to be so."""

    excess: float = 0.0
    count: int = 0
    sum_s: float = 0.0

    def add(self, excess: float, latency_s: float) -> None:
        self.excess += excess
        self.count += 1
        self.sum_s += latency_s
        if self.excess <= 0:
            self.excess, self.count, self.sum_s = 0.0, 0, 0.0
