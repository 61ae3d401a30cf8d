"""IB's rules for bars of 30 seconds and less.

IB's hard rules for historical bars of 30 seconds and less; longer bars know none of them.
"""

from collections import defaultdict, deque
from collections.abc import Hashable

LONGEST_S = 30
"""Bars up to this size fall under the rules."""

_IDENTICAL_S = 15.0
_BURST_S, _BURST = 2.0, 6
_LONG_S, _LONG = 600.0, 60


class SmallBarRules:
    """Counts requests for small bars and says which rule one breaks.

    The rules: the same request not within 15 seconds; fewer than six for the same contract, exchange and series within
    2 seconds; at most sixty within 10 minutes. BID_ASK counts twice in the last two.
    """

    def __init__(self) -> None:
        self._seen: dict[Hashable, float] = {}
        self._bursts: defaultdict[Hashable, deque[float]] = defaultdict(deque)
        self._long: deque[float] = deque()

    def broken(self, request: Hashable, series: Hashable, weight: int, monotonic_s: float) -> tuple[str, int] | None:
        """Count a request and return (rule, what was counted) when it breaks one.

        Args:
            request: what makes two requests identical.
            series: contract, exchange and what_to_show.
            weight: 2 for BID_ASK, else 1.
            monotonic_s: when it came.
        """
        last = self._seen.get(request)
        self._seen[request] = monotonic_s
        burst = _counted(self._bursts[series], weight, monotonic_s, _BURST_S)
        long = _counted(self._long, weight, monotonic_s, _LONG_S)
        if last is not None and monotonic_s - last < _IDENTICAL_S:
            return "identical", 2
        if burst >= _BURST:
            return "burst", burst
        return ("ten minutes", long) if long > _LONG else None


def _counted(times: deque[float], weight: int, now: float, span_s: float) -> int:
    while times and now - times[0] >= span_s:
        times.popleft()
    times.extend([now] * weight)
    return len(times)
