"""Kinds of bars that are kept.

A data set is a kind of bars: whose, of which size, which series, how much of it one request may ask for, how far back
the source remembers it. Whatever speaks of a series' slots takes their size and their number from here.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from types import MappingProxyType

from collector.domain.market_data.instruments import OPTION_SERIES, UNDERLYING_SERIES, WhatToShow
from collector.domain.market_data.sessions import Session
from collector.domain.market_data.spans import Span, Spans

DAY = timedelta(days=1)
_EPOCH = datetime.fromtimestamp(0, UTC)


class InstrumentKind(StrEnum):
    """What a data set is about."""

    OPTION = "option"
    UNDERLYING = "underlying"


@dataclass(frozen=True, slots=True, eq=False)
class DataSet:
    """One kind of bars. A slot is named by its start; slots lie on a grid that midnight UTC is on.

    id: names it in the bookkeeping's keys, for ever. name: of the view that shows its bars, and of the table in the
    schema `store` that holds them. series: in the order in which they are asked for. longest_request: what the source
    answers whole. depths: how far back its memory is counted on, by series, while nothing deeper has been seen.
    overlap: sessions that are asked for once more, the oldest of all and those before each stretch of missing TRADES,
    for by them a split is seen; such a data set is kept whole, and every run looks at all of it. 0: none.
    """

    id: int
    name: str
    kind: InstrumentKind
    bar_size: timedelta
    series: tuple[WhatToShow, ...]
    longest_request: timedelta
    depths: Mapping[WhatToShow, timedelta]
    overlap: int = 0

    @property
    def size(self) -> str:
        """Return the size of its bars as it is written: `5 mins`, `1 min`, `1 day`."""
        if self.bar_size >= DAY:
            return "1 day"
        minutes = self.bar_size // timedelta(minutes=1)
        return "1 min" if minutes == 1 else f"{minutes} mins"

    def span(self, session: Session) -> Span:
        """Return the slots that a session has: its hours, or the one slot of bars of a day, from midnight UTC on."""
        if self.bar_size < DAY:
            return session.span
        midnight = datetime.combine(session.day, time(), UTC)
        return Span(midnight, midnight + self.bar_size)

    def ended(self, session: Session, until: datetime) -> datetime:
        """Return where the slots of a session end that are over at an instant; the start of its span: none is.

        The last one is over when the session has closed, also where it ends later: that of bars of a day does.
        """
        span = self.span(session)
        if until >= session.close:
            return span.end
        return max(self.slot_of(until), span.start)

    def part(self, session: Session, start: datetime, end: datetime) -> Session | None:
        """Return what a session has between two instants on the grid; all of it is the session, nothing None."""
        span = self.span(session)
        if start <= span.start and span.end <= end:
            return session
        start, end = max(start, span.start), min(end, span.end)
        if start >= end:
            return None
        return replace(session, open=start, close=end, next_open=session.next_open if end == span.end else end)

    def touched(self, span: Span, sessions: Iterable[Session]) -> list[Session]:
        """Return the sessions of which a span holds slots, in their order."""
        hours = ((session, self.span(session)) for session in sessions)
        return [session for session, own in hours if own.start < span.end and span.start < own.end]

    def day_of(self, slot: datetime, zone: tzinfo) -> date:
        """Return the day of the session that a slot belongs to, in the exchange's zone."""
        return slot.date() if self.bar_size >= DAY else slot.astimezone(zone).date()

    def slot_of(self, instant: datetime) -> datetime:
        """Return the start of the slot of the grid that an instant lies in."""
        return instant - (instant - _EPOCH) % self.bar_size

    def slots(self, span: Span) -> Iterator[datetime]:
        """Yield the starts of the slots inside, ascending; the span must lie on the data set's grid."""
        at = span.start
        while at < span.end:
            yield at
            at += self.bar_size

    def count(self, spans: Spans) -> int:
        """Return how many slots a set of spans holds."""
        return spans.duration // self.bar_size


def _depths(trades: timedelta, quotes: timedelta) -> Mapping[WhatToShow, timedelta]:
    return MappingProxyType(
        {
            WhatToShow.TRADES: trades,
            WhatToShow.OPTION_IMPLIED_VOLATILITY: trades,
            WhatToShow.ADJUSTED_LAST: trades,
            WhatToShow.BID: quotes,
            WhatToShow.ASK: quotes,
        }
    )


# Less than IB has been found to keep: some 120 and 65 days of options.
_INTRADAY = _depths(timedelta(days=90), timedelta(days=45))
_DAILY = _depths(timedelta(days=20 * 365), timedelta(days=20 * 365))

OPTION_BARS_5MIN = DataSet(
    1, "option_bars_5min", InstrumentKind.OPTION, timedelta(minutes=5), OPTION_SERIES, timedelta(days=7), _INTRADAY
)
UNDERLYING_BARS_5MIN = DataSet(
    2, "underlying_bars_5min", InstrumentKind.UNDERLYING, timedelta(minutes=5), UNDERLYING_SERIES, timedelta(days=7),
    _INTRADAY,
)  # fmt: skip
UNDERLYING_BARS_1DAY = DataSet(
    3, "underlying_bars_1day", InstrumentKind.UNDERLYING, DAY, (WhatToShow.TRADES, WhatToShow.ADJUSTED_LAST),
    timedelta(days=364), _DAILY, overlap=5,
)  # fmt: skip
UNDERLYING_BARS_1MIN = DataSet(
    4, "underlying_bars_1min", InstrumentKind.UNDERLYING, timedelta(minutes=1), (WhatToShow.TRADES,), DAY, _INTRADAY
)

PROOF = UNDERLYING_BARS_5MIN
"""Its bars are asked for to prove that a time has come."""

DATA_SETS = (OPTION_BARS_5MIN, UNDERLYING_BARS_5MIN, UNDERLYING_BARS_1DAY, UNDERLYING_BARS_1MIN)
"""All of them, by id; another size of bars is another row here."""
