"""From missing slots to the fewest requests, most urgent first."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from collector.domain.market_data.answers import HistoricalRequest
from collector.domain.market_data.instruments import Instrument, OptionContract, WhatToShow
from collector.domain.market_data.sessions import Session
from collector.domain.market_data.spans import Span, Spans

LONGEST_REQUEST = timedelta(days=7)
"""IB accepts longer ones for 5-minute bars and truncates them silently."""


@dataclass(frozen=True, slots=True)
class Work:
    """What is asked for one instrument in one go; its answers are stored together."""

    instrument: Instrument
    requests: tuple[HistoricalRequest, ...]


def requests_for(
    instrument: Instrument, what_to_show: WhatToShow, missing: Spans, sessions: Sequence[Session]
) -> Iterator[HistoricalRequest]:
    """Yield the fewest requests, each a week at most, that ask for every missing slot and for no other slot.

    Spans of neighbouring sessions are asked for together: nothing trades in between.

    Args:
        instrument: whose bars.
        what_to_show: which series.
        missing: slots inside sessions.
        sessions: the product's sessions that `missing` touches.
    """
    next_open = {session.close: session.next_open for session in sessions}
    bridged = Spans(Span(span.start, next_open.get(span.end, span.end)) for span in missing)
    for stretch in bridged:
        inside = missing & Spans((stretch,))
        yield from (HistoricalRequest(instrument, what_to_show, span) for span in _weeks(inside))


def _weeks(missing: Spans) -> Iterator[Span]:
    """Yield hulls of at most a week that together hold all of `missing`; bounds lie on missing slots."""
    left = missing
    while left:
        start = left.hull.start
        piece = left & Spans.of(start, start + LONGEST_REQUEST)
        yield piece.hull
        left = left - piece


def urgency(instrument: Instrument, spot: Mapping[str, Decimal]) -> tuple[date, Decimal, str, str]:
    """Return the sort key of an instrument: nearest expiration, then nearest the money.

    What expires today therefore comes first, what expires at the next session second: once gone it cannot be had.

    Args:
        instrument: the contract; an underlying comes before every contract.
        spot: the last price by underlying symbol, USD per share.
    """
    if not isinstance(instrument, OptionContract):
        return (date.min, Decimal(0), instrument.symbol, "")
    price = spot.get(instrument.symbol)
    distance = abs(instrument.strike / price - 1) if price else Decimal(0)
    return (instrument.expiration, distance, instrument.symbol, instrument.right.value)


def in_order(work: Iterable[Work], spot: Mapping[str, Decimal]) -> list[Work]:
    """Return the work, most urgent first."""
    return sorted(work, key=lambda item: urgency(item.instrument, spot))
