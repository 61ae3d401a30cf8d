"""From missing slots to the fewest requests, most urgent first."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from collector.domain.market_data.answers import HistoricalRequest
from collector.domain.market_data.data_sets import DataSet
from collector.domain.market_data.instruments import Instrument, OptionContract, WhatToShow
from collector.domain.market_data.sessions import Session
from collector.domain.market_data.spans import Span, Spans


@dataclass(frozen=True, slots=True)
class Work:
    """What is asked for one instrument and data set in one go; its answers are stored together."""

    instrument: Instrument
    requests: tuple[HistoricalRequest, ...]

    @property
    def data_set(self) -> DataSet:
        """Return the data set of its requests, of which there is one at least."""
        return self.requests[0].data_set


def requests_for(
    instrument: Instrument, data_set: DataSet, what_to_show: WhatToShow, missing: Spans, sessions: Sequence[Session]
) -> Iterator[HistoricalRequest]:
    """Yield the fewest requests, none longer than allowed, that ask for every missing slot and for no other slot.

    Spans of neighbouring sessions are asked for together: nothing trades in between.

    Args:
        instrument: whose bars.
        data_set: which bars; it says how long a request may be.
        what_to_show: which series.
        missing: slots inside sessions.
        sessions: the product's sessions that `missing` touches, ascending.
    """
    next_start = {
        data_set.span(one).end: data_set.span(following).start
        for one, following in itertools.pairwise(sessions)
        if one.next_open == following.open
    }
    bridged = Spans(Span(span.start, next_start.get(span.end, span.end)) for span in missing)
    for stretch in bridged:
        for span in _pieces(missing & Spans((stretch,)), data_set.longest_request):
            yield HistoricalRequest(instrument, data_set, what_to_show, span)


def _pieces(missing: Spans, longest: timedelta) -> Iterator[Span]:
    """Yield hulls of at most a length that together hold all of `missing`; bounds lie on missing slots."""
    left = missing
    while left:
        start = left.hull.start
        piece = left & Spans.of(start, start + longest)
        yield piece.hull
        left = left - piece


def halves(request: HistoricalRequest, sessions: Sequence[Session]) -> tuple[HistoricalRequest, ...]:
    """Return a request of several sessions as two of half as many; one of a single session is returned alone.

    Args:
        request: what was asked for.
        sessions: the product's sessions, ascending; those that the request does not touch are passed over.
    """
    data_set, span = request.data_set, request.span
    touched = data_set.touched(span, sessions)
    if len(touched) < 2:  # noqa: PLR2004 - halves
        return (request,)
    middle = len(touched) // 2
    first = Span(span.start, data_set.span(touched[middle - 1]).end)
    second = Span(data_set.span(touched[middle]).start, span.end)
    return replace(request, span=first), replace(request, span=second)


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
