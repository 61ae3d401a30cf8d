"""Turn bars into what was known at an instant.

Rows that were stored later are left out. Settled values that changed later are on record as revisions, so that of a row
that has changed since, its values then are known from the first answer with bars on that was final in every series, if
there is a revision after that instant, or a new adjustment. Else they are not, and become NULL, which is told: before
that answer, and where somebody had settled values forgotten, which leaves no revision. Greeks, open interest and flags
are left where it is certain that nothing of them has changed, and NULL elsewhere: nothing is computed anew, and nothing
is guessed. Adjusted closes, which are told anew with each dividend, count among these.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from collector.domain.market_data.data_sets import OPTION_BARS_5MIN, DataSet
from collector.domain.market_data.instruments import WhatToShow
from collector.domain.market_data.sessions import Session
from collector.research import columns
from collector.research.columns import DAY_US, Ints, Mask, Terms
from collector.research.database import Server
from collector.research.sources import Asked

NEEDED = ("created_at", "updated_at", "close", "volume")
"""Raw columns without which nothing can be told."""

_REVISED = ("open", "high", "low", "close", "volume", "bar_count", "vwap", *columns.QUOTES)
_GREEKS = ("implied_volatility", "delta", "gamma", "theta", "vega", "rho", "greeks_version", "greeks_reason")
_OF_THE_ROW = ("adjusted_close", "flags", "has_gaps", "collection_run_id", "updated_at")
_NEVER = np.iinfo(np.int64).max
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Past:
    """What was known. raw: the bars. reasons: what cannot be told, or was not there, as rows of `answers.REASONS`."""

    raw: pa.Table
    reasons: list[dict[str, Any]]


def known(
    server: Server, raw: pa.Table, terms: Terms | None, asked: Asked, at: datetime, sessions: Sequence[Session]
) -> Past:
    """Return what was known of bars at an instant.

    Args:
        server: the database.
        raw: the bars as they are now, with `NEEDED`.
        terms: of their contracts; None: they are the underlying's own.
        asked: what was read.
        at: the instant.
        sessions: that the span touches.
    """
    instant = _micros(at)
    stored = columns.whole(raw["created_at"]) <= instant
    later = raw.filter(pa.array(~stored))
    raw = raw.filter(pa.array(stored))
    rows = _rows(raw, asked)
    changed = columns.whole(raw["updated_at"]) > instant
    on_record = _settled(server, rows, asked, sessions) <= instant
    first_id, last_id = _instruments(asked)
    revisions = server.select(
        "revisions_after", first_id, last_id, asked.data_set.id, asked.span.start, asked.span.end, at
    )
    place = _places(
        rows.slots, _Rows(columns.whole(revisions["instrument_id"]), columns.whole(revisions["time"])).slots
    )
    revised = changed & on_record & (place >= 0)
    # A new adjustment changes the adjusted close alone: the prices beside it are what they were.
    unknown = changed & ~revised & ~(on_record & _readjusted(server, rows, asked, at))
    # That nobody traded may have been found later, which changes no instant of a row.
    silent = np.asarray(pc.and_(raw["volume"].is_valid(), raw["close"].is_null())) & ~on_record
    recorded = _REVISED if terms is not None else (*_REVISED, "implied_volatility")
    gone = {
        **dict.fromkeys(recorded, unknown),
        "volume": unknown | silent,
        **dict.fromkeys(_OF_THE_ROW, changed),
    }
    if terms is not None:
        days = [one.day for one in sessions]
        gone |= dict.fromkeys(_GREEKS, changed | ~_computed(server, rows, terms, asked, days, instant))
        gone["open_interest"] = ~_told(server, rows, asked, days, instant)
    taken = pa.array(place, mask=~revised)
    for name in raw.column_names:
        values = raw[name]
        if name in recorded:
            earlier = revisions[name].cast(values.type).combine_chunks().take(taken)
            values = pc.if_else(pa.array(revised), earlier, values.combine_chunks())
        if name in gone:
            values = pc.if_else(pa.array(gone[name]), pa.scalar(None, values.type), values)
        raw = raw.set_column(raw.column_names.index(name), name, values)
    vague = _Rows(rows.ids[unknown], rows.times[unknown])
    reasons = [
        *_reasons(_rows(later, asked), terms, asked.data_set, "stored_later"),
        *_reasons(vague, terms, asked.data_set, "unknown_as_of"),
    ]
    return Past(raw, reasons)


@dataclass(frozen=True)
class _Rows:
    """Keys of rows: instruments' ids, and starts of slots in microseconds since 1970."""

    ids: Ints
    times: Ints

    @property
    def days(self) -> Ints:
        """Return the days, counted from 1970."""
        return self.times // DAY_US

    @property
    def slots(self) -> Ints:
        """Return one number for instrument and slot."""
        return self.ids << 32 | self.times // 1_000_000

    @property
    def sessions(self) -> Ints:
        """Return one number for instrument and day."""
        return self.ids << 32 | self.days


def _rows(raw: pa.Table, asked: Asked) -> _Rows:
    """Return the keys of raw bars."""
    is_option = asked.data_set is OPTION_BARS_5MIN
    ids = columns.whole(raw["contract_id"]) if is_option else -columns.whole(raw["underlying_id"])
    return _Rows(ids, columns.whole(raw["time"]))


def _instruments(asked: Asked) -> tuple[int, int]:
    """Return the least and the greatest id of the instruments: an underlying's is below 0."""
    if asked.data_set is OPTION_BARS_5MIN:
        return asked.first_id, asked.last_id
    return -asked.underlying_id, -asked.underlying_id


def _places(wanted: Ints, keys: Ints) -> Ints:
    """Return where each wanted number stands among ascending keys, -1 where it does not."""
    if not len(keys):
        return np.full(len(wanted), -1)
    found = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[found] == wanted, found, -1)


def _readjusted(server: Server, rows: "_Rows", asked: Asked, at: datetime) -> Mask:
    """Return of which rows the source has told another adjusted close since an instant."""
    if WhatToShow.ADJUSTED_LAST not in asked.data_set.series:
        return np.zeros(len(rows.times), dtype=np.bool_)
    found = server.select("readjusted_after", asked.underlying_id, asked.data_set.id, at)
    first, last = (columns.whole(found[name].cast(pa.int32())) for name in ("first_session", "last_session"))
    days = (rows.times // DAY_US)[:, np.newaxis]
    return np.asarray(((first <= days) & (days <= last)).any(axis=1))


def _instants(wanted: Ints, keys: Sequence[int], instants: Sequence[datetime | None]) -> Ints:
    """Return the instant of each wanted number, in microseconds; never where there is none."""
    order = sorted(range(len(keys)), key=keys.__getitem__)
    places = _places(wanted, np.array([keys[one] for one in order], dtype=np.int64))
    known_ = [_NEVER if (one := instants[at]) is None else _micros(one) for at in order]
    return np.array([*known_, _NEVER], dtype=np.int64)[places]


def _settled(server: Server, rows: _Rows, asked: Asked, sessions: Sequence[Session]) -> Ints:
    """Return since when each row's changes are on record, in microseconds."""
    first_id, last_id = _instruments(asked)
    days, hours = [one.day for one in sessions], [asked.data_set.span(one) for one in sessions]
    starts, ends = [one.start for one in hours], [one.end for one in hours]
    settling = [one.settles_at for one in sessions]
    # Adjusted closes never settle; see the head.
    series = [one.value for one in asked.data_set.series if one is not WhatToShow.ADJUSTED_LAST]
    found = server.select(
        "settled_since", first_id, last_id, asked.data_set.id, days, starts, ends, settling, series
    ).to_pylist()
    keys = [row["instrument_id"] << 32 | _number(row["day"]) for row in found]
    return _instants(rows.sessions, keys, [row["settled_at"] for row in found])


def _computed(server: Server, rows: _Rows, terms: Terms, asked: Asked, days: Sequence[date], instant: int) -> Mask:
    """Return which rows' Greeks have not been computed since the instant."""
    told = server.select("greeks_computed", asked.underlying_id, days).to_pylist()
    computed = {(_number(row["day"]), row["expiration_date"]): _micros(row["computed_at"]) for row in told}
    places, has_terms = terms.rows(rows.ids, rows.times)
    expirations = np.asarray(terms.table["expiration_date"].cast(pa.int32()), dtype=np.int64)
    by_number = {(day, _number(expiration)): at for (day, expiration), at in computed.items()}
    pairs = rows.days << 32 | (expirations[places] if len(expirations) else rows.days)
    numbers, inverse = np.unique(pairs, return_inverse=True)
    at = [by_number.get((int(one) >> 32, int(one) & 0xFFFFFFFF), _NEVER) for one in numbers]
    return np.array([*at, _NEVER], dtype=np.int64)[inverse] <= np.where(has_terms, instant, -1)


def _told(server: Server, rows: _Rows, asked: Asked, days: Sequence[date], instant: int) -> Mask:
    """Return which rows' open interest has not been told since the instant."""
    found = server.select("interest_told", asked.first_id, asked.last_id, days).to_pylist()
    keys = [row["contract_id"] << 32 | _number(row["day"]) for row in found]
    return _instants(rows.sessions, keys, [row["asked_at"] for row in found]) <= instant


def _reasons(rows: _Rows, terms: Terms | None, data_set: DataSet, reason: str) -> Iterator[dict[str, Any]]:
    """Yield a reason for each instrument and session of some rows."""
    symbols: Mapping[int, str] = {}
    if terms is not None:
        table = terms.table
        symbols = dict(zip(table["contract_id"].to_pylist(), table["contract_symbol"].to_pylist(), strict=True))
    for key in np.unique(rows.sessions):
        own = rows.times[rows.sessions == key]
        instrument_id = int(key) >> 32
        yield {
            "contract_id": instrument_id if instrument_id > 0 else None,
            "contract_symbol": symbols.get(instrument_id),
            "session": _EPOCH.date() + timedelta(days=int(key) & 0xFFFFFFFF),
            "start": _EPOCH + timedelta(microseconds=int(own.min())),
            "end": _EPOCH + timedelta(microseconds=int(own.max())) + data_set.bar_size,
            "slots": len(own),
            "reason": reason,
            "detail": "",
        }


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def _number(day: date) -> int:
    return (day - _EPOCH.date()).days
