"""How many requests to keep in flight: as many as bring the most answers per second, and no more.

IB does not say how many that are, it varies by the hour, and too many are answered late rather than refused. So the
controller measures. It searches (doubling, halving, then bisecting between what it has measured), holds the best
number, tries its neighbours now and then, and searches again when the service no longer behaves as it did.
"""

import math
from collections import deque

from collector.domain.market_data.answers import Outcome
from collector.domain.pacing.concurrency_levels import ChangeWatch, Estimate, Levels, Measurement

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
            self._set(now, self.limit)
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
        lost = sum(self._recent_time_outs)
        return lost >= min(2, self.limit) and lost >= 0.2 * min(len(self._recent_time_outs), self.limit)

    def _back_off(self, now: float, limit: int, tabu_s: float) -> None:
        """Go down at once, forget what was measured, and stay below the punished number for a while."""
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
        if not known:
            return count >= max(16, 2 * level) or (count >= max(10, level // 2) and now - opened > _ENOUGH_S)
        if count >= max(_TRIAL_COUNT if self._trials else _SEARCH_COUNT, 2 * level):
            return True
        if now - opened > _ENOUGH_S and count >= max(12, 2 * level):
            return True
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
