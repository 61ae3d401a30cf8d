"""Translate bars from the wire.

From the wire's bars to the domain's: whole numbers, UTC, ascending, once each, complete slots inside a span only.

The fields of IB's bars are strings. Nearly all spell a number with at most four decimals, whose digits are the whole
number. Series with any other field are put together bar by bar, from decimals; no float comes between. A night brings
millions of bars, so the work is done column by column, without arithmetic on datetimes, and remembers what it parsed.
"""

import functools
import itertools
import operator
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from collector.domain.market_data.bars import NO_NUMBER, Bar, whole
from collector.domain.market_data.data_sets import DAY, DataSet
from collector.domain.market_data.instruments import WhatToShow
from collector.domain.market_data.spans import Span

FIELDS_PER_BAR = 8
"""Time, open, high, low, close, volume, average, number of trades."""

_MOST_DIGITS = 18
"""So many are no strain; more are a lie, or what IB sends for "unset"."""
_DECIMALS = 4
_ZEROS = ("0000", "000", "00", "0", "")
"""What makes four decimals of so many."""
_NAN = Decimal("NaN")
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


def _plain(text: str) -> int:
    """Return the ten-thousandths that a text spells plainly: digits, with at most four decimals.

    Raises:
        ValueError: it spells a number in another way, one with more decimals, or none.
    """
    units, _, decimals = text.partition(".")
    if units and len(decimals) <= _DECIMALS and len(text) <= _MOST_DIGITS:
        digits = units + decimals + _ZEROS[len(decimals)]
        if digits.isdecimal():
            return int(digits)
    raise ValueError(text)


_price = functools.lru_cache(maxsize=1 << 15)(_plain)
_volume = functools.lru_cache(maxsize=1 << 12)(_plain)


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
_NONE = itertools.repeat(None)


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
        here: times may lie off the grid, and a TRADES bar's price that is no number is NO_NUMBER. A quote bar without a
        close is dropped, for there was no quote; its open, high or low, where unset, are its close.

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
    try:
        prices = [list(map(_price, column)) for column in columns[1:5]]
        traded: Sequence[Iterable[int | None]] = _NONE, _NONE, _NONE
        if what_to_show is WhatToShow.TRADES:
            traded = map(_volume, columns[5]), map(_count, columns[7]), map(_plain, columns[6])
        return tuple(map(_bar, zip(times[first:end], *prices, *traded, _NONE, strict=False)))
    except ValueError:  # some field is not plain; here malformed ones are refused
        found = map(_trade if what_to_show is WhatToShow.TRADES else _quote, times[first:end], *columns[1:])
        return tuple(bar for bar in found if bar is not None)


def _row(fields: Sequence[str], index: int) -> Sequence[str]:
    return fields[index * FIELDS_PER_BAR : (index + 1) * FIELDS_PER_BAR]


def _trade(time: datetime, *texts: str) -> Bar:
    *prices, volume, average = map(exact, texts[:6])
    return _exactly(time, [_NAN if price is None else price for price in prices], volume, _count(texts[6]), average)


def _quote(time: datetime, *texts: str) -> Bar | None:
    """Return a bar of another series than TRADES; None where nothing was quoted."""
    *others, close = map(exact, texts[:4])
    if close is None:
        return None
    return _exactly(time, [*(close if price is None else price for price in others), close])


def _exactly(
    time: datetime,
    prices: Sequence[Decimal],
    volume: Decimal | None = None,
    count: int | None = None,
    vwap: Decimal | None = None,
) -> Bar:
    open_, high, low, close = (NO_NUMBER if price.is_nan() else whole(price) for price in prices)
    traded, average = (None if number is None else whole(number) for number in (volume, vwap))
    bar, sent = Bar(time, open_, high, low, close, traded, count, average), (*prices, volume, vwap)
    return bar if bar.exact() == sent else bar._replace(sent=sent)
