"""Kinds of bars that are kept.

A data set is a kind of bars: whose, of which size, which series, how much of it one request may ask for, how far back
the source remembers it. Whatever speaks of a series' slots takes their size and their number from here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from types import MappingProxyType

from collector.domain.market_data.instruments import OPTION_SERIES, UNDERLYING_SERIES, WhatToShow
from collector.domain.market_data.sessions import Session
from collector.domain.market_data.spans import Span, Spans

DAY = timedelta(days=1)


class InstrumentKind(StrEnum):
    """What a data set is about."""

    OPTION = "option"
    UNDERLYING = "underlying"


@dataclass(frozen=True, slots=True)
class DataSet:
    """One kind of bars.

    id: names it in the bookkeeping's keys, for ever. name: of the view that shows its bars, and of the table in the
    schema `store` that holds them. series: in the order in which they are asked for. longest_request: what the source
    answers whole. depths: how far back its memory is counted on, by series, while nothing deeper has been seen.
    """

    id: int
    name: str
    kind: InstrumentKind
    bar_size: timedelta
    series: tuple[WhatToShow, ...]
    longest_request: timedelta
    depths: Mapping[WhatToShow, timedelta]

    def span(self, session: Session) -> Span:
        """Return the slots that a session has: its hours, or the one slot of bars of a day, from midnight UTC on."""
        if self.bar_size < DAY:
            return session.span
        midnight = datetime.combine(session.day, time(), UTC)
        return Span(midnight, midnight + self.bar_size)

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
            WhatToShow.BID: quotes,
            WhatToShow.ASK: quotes,
        }
    )


# Less than IB has been found to keep: some 120 and 65 days of options.
_INTRADAY = _depths(timedelta(days=90), timedelta(days=45))

OPTION_BARS_5MIN = DataSet(
    1, "option_bars_5min", InstrumentKind.OPTION, timedelta(minutes=5), OPTION_SERIES, timedelta(days=7), _INTRADAY
)
UNDERLYING_BARS_5MIN = DataSet(
    2, "underlying_bars_5min", InstrumentKind.UNDERLYING, timedelta(minutes=5), UNDERLYING_SERIES, timedelta(days=7),
    _INTRADAY,
)  # fmt: skip

DATA_SETS = (OPTION_BARS_5MIN, UNDERLYING_BARS_5MIN)
"""All of them; another size of bars is another row here."""
