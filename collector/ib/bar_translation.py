"""Translate bars from the wire.

From the wire's bars to the domain's: exact decimals, UTC, ascending, once each, complete slots inside a span only.

The fields of IB's bars are strings. They become decimals as they stand; no float comes between. A night brings
millions of them, so the work is done column by column, without arithmetic on datetimes, and remembers what it parsed.
"""

import functools
import itertools
import operator
from bisect import bisect_left
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from collector.domain.market_data.bars import Bar
from collector.domain.market_data.data_sets import DAY, DataSet
from collector.domain.market_data.instruments import WhatToShow
from collector.domain.market_data.spans import Span

FIELDS_PER_BAR = 8
"""Time, open, high, low, close, volume, average, number of trades."""

_NO_PRICE = Decimal("NaN")
"""Stands in a TRADES bar for a price that is no number, until the rules of quality refuse the bar."""
_UNSET = Decimal("1e300")
"""Beyond it lies what IB sends for "unset" (1.797…E308)."""


class MalformedBars(ValueError):  # noqa: N818 - named for what came
    """The fields are not bars; says nothing about the market."""


def exact(text: str) -> Decimal | None:
    """Return the number that IB's text spells; None for -1, NaN, infinite, unset and empty.

    Raises:
        MalformedBars: the text is no number.
    """
    if not text:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation as exc:
        raise MalformedBars(f"{text!r} is no number") from exc
    if number.is_finite() and (0 <= number < _UNSET or (number != -1 and -_UNSET < number < 0)):
        return number
    return None


@functools.lru_cache(maxsize=1 << 15)
def _price(text: str) -> Decimal:
    price = exact(text)
    return _NO_PRICE if price is None else price


@functools.lru_cache(maxsize=1 << 12)
def _quantity(text: str) -> Decimal | None:
    return exact(text)


@functools.lru_cache(maxsize=1 << 12)
def _count(text: str) -> int | None:
    number = exact(text)
    return None if number is None else int(number)


@functools.lru_cache(maxsize=1 << 13)
def _instant(text: str) -> datetime:
    try:
        epoch_s = int(text)
        return datetime.fromtimestamp(epoch_s, UTC)
    except (ValueError, OverflowError, OSError) as exc:
        raise MalformedBars(f"{text!r} is no time in epoch seconds") from exc


@functools.lru_cache(maxsize=1 << 13)
def _midnight(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC)
    except ValueError as exc:
        raise MalformedBars(f"{text!r} is no date") from exc


def starts(fields: Sequence[str], data_set: DataSet) -> list[datetime]:
    """Return the starts of bars, in the order in which they came; those of a day bear its date.

    Raises:
        MalformedBars: a bar has no time.
    """
    return list(map(_midnight if data_set.bar_size >= DAY else _instant, fields[::FIELDS_PER_BAR]))


_bar = functools.partial(tuple.__new__, Bar)
"""What `Bar._make` does, without a Python frame for each bar."""


def bars(
    fields: Sequence[str], data_set: DataSet, what_to_show: WhatToShow, span: Span, complete_until: datetime
) -> tuple[Bar, ...]:
    """Return the complete bars inside the span.

    Args:
        fields: eight strings a bar, in IB's order; times in epoch seconds (formatDate 2) or dates, in any order.
        data_set: which bars were asked for.
        what_to_show: volume, vwap and count are taken for TRADES only.
        span: bars that start outside are dropped.
        complete_until: bars that end later are dropped: they were still forming, or withheld in part. Bars of a day
            are dropped if they start later: they are complete before they end.

    Returns:
        Bars ascending by time; of several with one time the last that came. Whether they can be true is not judged
        here: times may lie off the grid, and a TRADES bar's price that is no number is NaN. A quote bar without a close
        is dropped, for there was no quote; its open, high or low, where unset, are its close.

    Raises:
        MalformedBars: the fields are not bars.
    """
    if len(fields) % FIELDS_PER_BAR:
        raise MalformedBars(f"{len(fields)} fields are not a whole number of bars")
    times = starts(fields, data_set)
    if not all(itertools.starmap(operator.lt, itertools.pairwise(times))):
        latest = {time: index for index, time in enumerate(times)}
        times = sorted(latest)
        fields = [text for time in times for text in _row(fields, latest[time])]
    first = bisect_left(times, span.start)
    complete = min(span.end, complete_until)
    end = bisect_left(times, complete if data_set.bar_size >= DAY else data_set.slot_of(complete))
    if first >= end:
        return ()
    columns = [fields[n + first * FIELDS_PER_BAR : end * FIELDS_PER_BAR : FIELDS_PER_BAR] for n in range(8)]
    prices = [list(map(_price, column)) for column in columns[1:5]]
    if what_to_show is not WhatToShow.TRADES and any(price is _NO_PRICE for column in prices for price in column):
        return _quotes_with_holes(times[first:end], columns)
    if what_to_show is not WhatToShow.TRADES:
        none = itertools.repeat(None)
        return tuple(map(_bar, zip(times[first:end], *prices, none, none, none, strict=False)))
    volumes, averages, counts = columns[5:]
    return tuple(
        map(
            _bar,
            zip(
                times[first:end],
                *prices,
                map(_quantity, volumes),
                map(_count, counts),
                map(exact, averages),
                strict=True,
            ),
        )
    )


def _row(fields: Sequence[str], index: int) -> Sequence[str]:
    return fields[index * FIELDS_PER_BAR : (index + 1) * FIELDS_PER_BAR]


def _quotes_with_holes(times: Sequence[datetime], columns: Sequence[Sequence[str]]) -> tuple[Bar, ...]:
    found = []
    for time, *texts in zip(times, *columns[1:5], strict=True):
        *others, close = map(exact, texts)
        if close is not None:
            opened, high, low = (close if price is None else price for price in others)
            found.append(Bar(time, opened, high, low, close))
    return tuple(found)
