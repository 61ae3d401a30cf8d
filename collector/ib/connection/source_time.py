"""IB's time, and how far the market has come.

What IB's answers tell about the time: its own now, and how far the market has come.
"""

import functools
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from collector.domain.coverage.coverage_rules import latest
from collector.domain.market_data.answers import Failure, HistoricalOutcome, HistoricalRequest, Outcome
from collector.domain.market_data.instruments import Instrument, Underlying
from collector.ib.bar_translation import starts
from collector.ib.historical import Parameters, conclude
from collector.ib.wire_requests import Reply

SHORT = Failure(Outcome.UNKNOWN, "the answer does not go back to the span's start: a clock is behind IB's")
"""To be asked again once, for it has told how far the clock is behind."""

_GARBLED = timedelta(days=7)
"""An end so far from the gateway's clock was not told by another clock."""
_WORDS = re.compile(r"(\d{8})(?:-(\d\d:\d\d:\d\d)| +(\d\d:\d\d:\d\d) +(\S+))")


class TellingTime:
    """Concludes replies, and learns from each what time it is to IB.

    Attributes:
        skew: how far IB's own now was ahead of the gateway's clock when it told last. It is a second witness for a
            clock that whoever owns the gateway's machine can set: where it is behind, it counts; where it is ahead,
            requests reach further back.
        seen_until: start of the latest bar of a stock or ETF that IB has ever sent; None before the first.
    """

    def __init__(self) -> None:
        self.skew = timedelta(0)
        self.seen_until: datetime | None = None

    def concluded(self, request: HistoricalRequest, asked: Parameters, reply: Reply) -> HistoricalOutcome:
        """Return the one outcome of a reply; SHORT for an answer that misses the start of the span."""
        told = told_skew(asked, reply)
        self.skew = self.skew if told is None else told
        outcome = conclude(request, reply, self.skew)
        if isinstance(outcome, Failure):
            return outcome
        if not reaches(request, asked, reply, self.skew):
            return SHORT
        seen = latest(self.seen_until, latest_start(request, reply))
        if not _is_index(request.instrument):
            self.seen_until = seen
        return replace(outcome, seen_until=seen)


def _is_index(instrument: Instrument) -> bool:
    """Return whether an instrument is an index, whose bars count for itself: some are told when no exchange is open."""
    return isinstance(instrument, Underlying) and instrument.sec_type == "IND"


def told_skew(asked: Parameters, reply: Reply) -> timedelta | None:
    """Return how far IB's own now was ahead of the gateway's clock when it answered; None where it does not say.

    IB names the span for which its bars are, and that of an open-ended request ends now.
    """
    end = _instant(reply.told_span[1]) if not asked.end else None
    skew = None if end is None else end - reply.sent_at
    return None if skew is None or abs(skew) > _GARBLED else skew


def reaches(request: HistoricalRequest, asked: Parameters, reply: Reply, skew: timedelta) -> bool:
    """Return whether what IB answered goes back to the start of the span: it counts back from its own now.

    Args:
        request: what was meant.
        asked: what was asked.
        reply: what came.
        skew: how far IB's now is ahead of the gateway's clock, as last told; what an answer without bars goes by.
    """
    if asked.end:
        return True
    start = _instant(reply.told_span[0])
    if start is None:
        number, unit = asked.duration.split()
        lengths = {"S": timedelta(seconds=int(number)), "Y": timedelta(days=365 * int(number))}
        length = lengths.get(unit, timedelta(days=int(number) - 1))
        start = reply.sent_at + skew - length
    return start <= request.span.start


@functools.lru_cache(maxsize=1 << 10)
def _instant(words: str) -> datetime | None:
    """Return the instant that IB names, None where it names none, or not its zone."""
    match = _WORDS.fullmatch(words.strip())
    if match is None:
        return None
    day, universal, local, zone = match.groups()
    try:
        known = UTC if universal else ZoneInfo(zone)
        return datetime.strptime(f"{day} {universal or local}", "%Y%m%d %H:%M:%S").replace(tzinfo=known)
    except (KeyError, ValueError, OSError):  # no such zone, no such date, a zone that is no file's name
        return None


def latest_start(request: HistoricalRequest, reply: Reply) -> datetime | None:
    """Return the start of the latest bar of an answer about an underlying or index, the forming one included.

    It proves that this time has come, whatever the clocks say. None for an option (whose bars prove no less, but are
    fewer), and where no bar came. A bar that is ahead of IB's clock is not believed: with one of both wrong the earlier
    one counts.
    """
    if not isinstance(request.instrument, Underlying) or not reply.rows:
        return None
    return min(max(starts(reply.rows, request.data_set)), request.data_set.slot_of(reply.answered_at))
