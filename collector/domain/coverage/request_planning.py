"""From missing slots to the fewest requests, most urgent first."""

import itertools
from bisect import bisect_left
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

    Spans of neighbouring sessions are asked for together: nothing trades in between. Of a series that ends now all
    sessions are asked for in one request, if any of them lacks something.

    Args:
        instrument: whose bars.
        data_set: which bars; it says how long a request may be.
        what_to_show: which series.
        missing: slots inside sessions.
        sessions: the product's sessions that `missing` touches, ascending; of a series that ends now all that is kept.
    """
    if what_to_show.ends_now:
        if missing:
            whole = Span(data_set.span(sessions[0]).start, data_set.span(sessions[-1]).end)
            yield HistoricalRequest(instrument, data_set, what_to_show, whole)
        return
    next_start = {
        data_set.span(one).end: data_set.span(following).start
        for one, following in itertools.pairwise(sessions)
        if one.next_open == following.open
    }
    bridged = Spans(Span(span.start, next_start.get(span.end, span.end)) for span in missing)
    for stretch in bridged:
        for span in _pieces(missing & Spans((stretch,)), data_set.longest_request):
            yield HistoricalRequest(instrument, data_set, what_to_show, span)


def overlapping(data_set: DataSet, missing: Spans, sessions: Sequence[Session]) -> Spans:
    """Return the slots of the few sessions that are asked for once more, by which a split is seen.

    The oldest that are not missing, for they lie before every split that has left a stored bar in old prices, however
    late the source has adjusted it; and those before each stretch of missing ones.

    Args:
        data_set: which bars; it says how many sessions.
        missing: slots inside sessions.
        sessions: the product's sessions that may be asked for, ascending.
    """
    if not data_set.overlap or not missing:
        return Spans()
    starts = [span.start for span in missing]
    lacks = []
    for span in map(data_set.span, sessions):
        before = bisect_left(starts, span.end) - 1
        lacks.append(before >= 0 and missing.spans[before].end > span.start)
    begins = [at for at, (before, now) in enumerate(itertools.pairwise(lacks), start=1) if now and not before]
    again = [one for one, lacking in zip(sessions, lacks, strict=True) if not lacking][: data_set.overlap]
    for at in begins:
        again += sessions[max(at - data_set.overlap, 0) : at]
    return Spans(map(data_set.span, again))


def _pieces(missing: Spans, longest: timedelta) -> Iterator[Span]:
    """Yield hulls of at most a length that together hold all of `missing`; bounds lie on missing slots."""
    left = missing
    while left:
        start = left.hull.start
        piece = left & Spans.of(start, start + longest)
        yield piece.hull
        left = left - piece


def halves(request: HistoricalRequest, sessions: Sequence[Session]) -> tuple[HistoricalRequest, ...]:
    """Return a request of several sessions as two of half as many; one that cannot be parted is returned alone.

    Args:
        request: what was asked for.
        sessions: the product's sessions, ascending; those that the request does not touch are passed over.
    """
    data_set, span = request.data_set, request.span
    touched = data_set.touched(span, sessions)
    if len(touched) < 2 or request.what_to_show.ends_now:  # noqa: PLR2004 - halves
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
