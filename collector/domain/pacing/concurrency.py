"""Search for the best number of requests in flight.

How many requests to keep in flight: as many as bring the most answers per second, and no more.

IB does not say how many that are, it varies by the hour, and too many are answered late rather than refused. So the
controller measures. It searches (doubling, halving, then bisecting between what it has measured), holds the best
number, tries its neighbours now and then, and searches again when the service no longer behaves as it did.
"""

import math
from collections import deque
from dataclasses import dataclass

from collector.domain.market_data.answers import Outcome

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
        # Harmonic: what is averaged are latencies, and the rate is their inverse.
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
        # Sent before the level was set; the difference of two floats may miss the very moment.
        if now - latency_s < self.began - 1e-9:
            return False
        if self._settle > 0:
            self._settle -= 1
            return False
        if self.opened is None:
            self.opened = now
        self.count += 1
        # Welford's mean and sum of squares: stable, and nothing is kept.
        step = latency_s - self._mean_s
        self._mean_s += step / self.count
        self._squares += step * (latency_s - self._mean_s)
        self._in_flight += in_flight
        return True

    def estimate(self, most_per_s: float) -> Estimate:
        """Return the throughput at this level, given the ceiling of messages per second."""
        mean_s = max(self._mean_s, 1e-6)
        # Little's law: in flight = rate × latency.
        in_flight = min(self._in_flight / self.count, self.level)
        rate = min(in_flight / mean_s, most_per_s)
        # Between an answer and the next request a place is empty, so nearly all is all.
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
        # From below: of numbers that cannot be told apart, the smallest.
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
        # First have something measured on both sides of the best, by doubling and halving; then bisect what lies
        # between.
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
        # A middle is worth its requests only if it could come up to the top, were the curve as high there as concavity
        # allows; upwards it must promise more, for latency grows with it.
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
        # Never measured itself: but each further request in flight brings no more than the one before did. More than
        # that is the mark of a service that has become faster since the lower number was measured.
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
        # The curve begins at nothing in flight and no throughput.
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
        # At latencies that hardly vary, the least deviation would be an alarm. What is usual is an estimate, too: from
        # few latencies it may be off, and more deviation is allowed.
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


_ANSWERED = frozenset({Outcome.BARS, Outcome.NO_DATA})
_CUT_OFF = frozenset({Outcome.DISCONNECTED, Outcome.FARM_DOWN, Outcome.OTHER_LOGIN})

_LEAST_COUNT, _SEARCH_COUNT, _TRIAL_COUNT = 8, 40, 100
"""Latencies without which nothing is concluded; those that settle a close comparison in a search, and in a trial."""
_ENOUGH_S = 30.0
"""A comparison that lasts longer is settled with what there is."""
_MEMORY_COUNT = 300
"""Latencies that the held number's estimate remembers."""
_TRIED_COUNT = 30
"""The weight of an earlier estimate when a number is measured again."""
_HOLD_BATCH = 20
"""Answers by which the held number's estimate is brought up to date."""
_HOLD_COUNT, _HOLD_MOST = 150, 1000
"""Answers between two trials of a neighbour: at first, and at most when trials keep failing."""
_TRIAL_WORSE, _TRIAL_EQUAL = (150, 45.0), (60, 30.0)
"""A trial does not wait longer than so many answers and seconds: of a neighbour known to be worse, and of others."""
_PACING_TABU_S, _TIME_OUT_TABU_S, _TABU_MOST_S = 600.0, 60.0, 3600.0
"""Seconds in which a number that was punished is not tried again; doubled by each further pacing error."""


class FixedConcurrency:
    """A number that never changes.

    Args:
        limit: requests in flight.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def completed(self, now: float, outcome: Outcome, latency_s: float, in_flight: int) -> int:
        """Return the number, whatever happened."""
        del now, outcome, latency_s, in_flight
        return self.limit


class AdaptiveConcurrency:
    """The search for the best number of requests in flight, told of every request that ends.

    Args:
        start: the number to begin with.
        ceiling: the highest number to try.
        most_per_s: requests that may be sent per second; once they are, more in flight bring nothing.
    """

    def __init__(self, start: int, ceiling: int, most_per_s: float = math.inf) -> None:
        self.limit = min(start, ceiling)
        self._ceiling = ceiling
        self._most_per_s = most_per_s
        self._levels = Levels()
        self._round = Measurement(self.limit, -math.inf, 0)
        self._holding = False
        self._downward = False
        self._forget()
        self._backed_off_at = -math.inf
        self._recent_time_outs: deque[bool] = deque()
        self._answered_since = True
        self._tabu_from, self._tabu_until, self._tabu_s = ceiling + 1, -math.inf, _PACING_TABU_S

    def completed(self, now: float, outcome: Outcome, latency_s: float, in_flight: int) -> int:
        """Take note of a request that ended, and return how many may be in flight from now on.

        Args:
            now: seconds on any monotonic scale.
            outcome: how it ended.
            latency_s: seconds from sending to end.
            in_flight: requests in flight just before it ended, itself included.
        """
        sent_at = now - latency_s
        if outcome in _CUT_OFF:
            self._set(now, self.limit)  # it says nothing of the number; measure afresh
        # The rest of a flight that has been punished was sent at the old number, and must not punish the new one.
        elif sent_at >= self._backed_off_at:
            self._recent_time_outs.append(outcome is Outcome.TIME_OUT)
            while len(self._recent_time_outs) > max(8, self.limit):
                self._recent_time_outs.popleft()
            if outcome is Outcome.PACING:
                self._back_off(now, self.limit // 2, self._tabu_s)
                self._tabu_s = min(2 * self._tabu_s, _TABU_MOST_S)
            elif outcome is Outcome.TIME_OUT and self._time_outs_too_many():
                self._back_off(now, self.limit * 7 // 10, _TIME_OUT_TABU_S)
        if outcome in _ANSWERED:
            self._answered_since = True
            self._answered(now, latency_s, in_flight)
        return self.limit

    def _time_outs_too_many(self) -> bool:
        # One lost request is an accident, unless there is no other; a fifth of a flight is too much.
        lost = sum(self._recent_time_outs)
        return lost >= min(2, self.limit) and lost >= 0.2 * min(len(self._recent_time_outs), self.limit)

    def _back_off(self, now: float, limit: int, tabu_s: float) -> None:
        """Go down at once, forget what was measured, and stay below the punished number for a while."""
        # Errors without an answer between them are one trouble: it began at the first number, and the lower ones on the
        # way down are not to blame.
        if self._answered_since:
            self._tabu_from, self._tabu_until = max(2, self.limit), now + tabu_s
        self._answered_since = False
        self._backed_off_at = now
        self._recent_time_outs.clear()
        self._forget()
        self._downward = False
        self._set(now, max(1, limit))

    def _highest(self, now: float) -> int:
        return self._ceiling if now >= self._tabu_until else min(self._ceiling, self._tabu_from - 1)

    def _forget(self) -> None:
        self._levels.known.clear()
        self._holding = False
        self._trials = 0
        self._trial = 0
        self._hold_count = _HOLD_COUNT
        self._held, self._held_since = 0, -math.inf
        self._watch = ChangeWatch()
        self._before: dict[int, Estimate] | None = None

    def _set(self, now: float, level: int) -> None:
        # The service gets used to a new number only in the course of a flight.
        settle = 0 if level == self.limit else level
        self.limit = level
        self._round = Measurement(level, now, settle)

    def _answered(self, now: float, latency_s: float, in_flight: int) -> None:
        if not self._round.add(now, latency_s, in_flight):
            return
        found = self._round.estimate(self._most_per_s)
        if self._holding:
            self._hold(now, latency_s, found)
        elif self._settled(now, found):
            self._measured(now, found)

    def _settled(self, now: float, found: Estimate) -> bool:
        """Tell whether the measurement in hand has said enough."""
        level, count = self._round.level, found.count
        if count < _LEAST_COUNT:
            return False
        known = self._levels.known
        opened = now if self._round.opened is None else self._round.opened
        # There is nothing to compare with yet, and all else will be compared with this.
        if not known:
            return count >= max(16, 2 * level) or (count >= max(10, level // 2) and now - opened > _ENOUGH_S)
        if count >= max(_TRIAL_COUNT if self._trials else _SEARCH_COUNT, 2 * level):
            return True
        if now - opened > _ENOUGH_S and count >= max(12, 2 * level):
            return True
        # A plain difference ends it sooner, a loss before a gain: each request sent at a worse number costs throughput.
        rival = self._levels.top
        change = math.log(found.rate / rival.rate)
        error = math.hypot(found.error, rival.error)
        return change < -0.03 - (2.0 if self._trials else 2.5) * error or change > 0.05 + 3 * error

    def _measured(self, now: float, found: Estimate) -> None:
        """Enter a finished measurement, then hold the best number or measure the next."""
        level, known = self._round.level, self._levels.known
        if not self._says_something(found):
            self._settle_down(now)
            return
        if self._false_alarm(found):
            self._settle_down(now)
            return
        # Where this contradicts what was known, the service has changed, and nothing is to be compared with its past.
        earlier = known.get(level)
        if self._levels.contradicts(level, found):
            known.clear()
            known[level] = found
        else:
            known[level] = found if earlier is None else earlier.merged(found, _TRIED_COUNT)
        highest = self._highest(now)
        following = self._levels.worth_measuring(highest, downward=self._downward)
        if following is not None and following not in known:
            self._set(now, following)
            return
        if level == self._trial and level == self._levels.best(highest):
            self._trials -= 1  # a good direction: on with it, soon
            self._hold_count = _HOLD_BATCH
        self._settle_down(now)

    def _settle_down(self, now: float) -> None:
        """Hold the best number known."""
        self._holding = True
        self._held, self._held_since = 0, now
        self._watch = ChangeWatch()
        self._set(now, self._levels.best(self._highest(now)) if self._levels.known else self.limit)

    def _hold(self, now: float, latency_s: float, found: Estimate) -> None:
        """Compare each answer with the estimate; search anew on a change, try a neighbour when it is time."""
        level, known = self._round.level, self._levels.known
        usual = known.get(level)
        now_takes_s = self._watch.changed(latency_s, usual) if usual is not None else None
        if usual is not None and now_takes_s is not None:
            self._suspect(now, usual, now_takes_s)
            return
        if found.count < _HOLD_BATCH:
            return
        self._round.renew()
        # Too little was asked for to fill the number: its latencies are those of a smaller one.
        if not self._says_something(found):
            return
        known[level] = found if usual is None else usual.merged(found, _MEMORY_COUNT)
        self._held += int(found.count)
        if self._levels.best(self._highest(now)) != level:
            self._settle_down(now)
        else:
            self._try_neighbour(now)

    def _try_neighbour(self, now: float) -> None:
        """Measure a neighbour when it is time: seldom one that was worse, for that costs."""
        trial, worse = self._levels.trial(self._highest(now), self._trials)
        least, patience_s = _TRIAL_WORSE if worse else _TRIAL_EQUAL
        overdue = self._held >= least and now - self._held_since >= patience_s
        if self._held < self._hold_count and not overdue:
            return
        self._trials += 1
        self._hold_count = min(_HOLD_MOST, max(_HOLD_COUNT, self._hold_count * 3 // 2))
        self._held, self._held_since = 0, now
        if trial != self.limit:
            self._holding = False
            self._trial = trial
            self._set(now, trial)

    def _suspect(self, now: float, usual: Estimate, now_takes_s: float) -> None:
        """Search anew, because answers take longer or shorter than usual; look twice unless they take twice as long."""
        before = dict(self._levels.known)
        self._forget()
        self._downward = now_takes_s > usual.latency_s
        # So much longer is overload, and every moment at this number adds to it. Less may be chance: measure the same
        # number again before what is known is thrown away.
        if now_takes_s > 2 * usual.latency_s:
            self._set(now, max(1, self.limit // 2))
        else:
            self._before = before
            self._round.renew()

    def _false_alarm(self, found: Estimate) -> bool:
        """Tell whether the held number still does what it did; what was known is then known again."""
        before, self._before = self._before, None
        usual = before.get(self._round.level) if before is not None else None
        if before is None or usual is None:
            return False
        if abs(math.log(found.latency_s / usual.latency_s)) > 0.04 + 1.5 * found.error:
            return False
        before[self._round.level] = usual.merged(found, _TRIED_COUNT)
        self._levels.known.update(before)
        return True

    def _says_something(self, found: Estimate) -> bool:
        """Tell whether there was demand enough to learn from: all in flight in use, or all messages."""
        return found.bound or found.rate >= 0.9 * self._most_per_s
