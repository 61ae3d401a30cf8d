"""NautilusTrader's catalogue of Parquet files.

Written without Nautilus: a folder an instrument and kind of bars, one file of all its bars, named by its interval;
prices and sizes are whole numbers of 10^-16 in sixteen bytes. A bar bears the instant of its end, as Nautilus wants:
who is shown it then has not seen ahead.
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from collector.archive.exports.contract_terms import rows_of
from collector.archive.exports.sources import Sources
from collector.archive.whole_numbers import NULL, column, wholes
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.errors import UsageError

_DIGITS = 16
_RAW = pa.binary(16)
_WIDE = pa.decimal128(38, _DIGITS)
_CLOSE = time(16)
_TERMS = ("contract_symbol", "expiration_date", "strike_price", "option_type", "multiplier", "exchange", "currency")
_SERIES = {"LAST": "", "BID": "bid_", "ASK": "ask_"}
_PRICES = ("open", "high", "low", "close")
_BARS = pa.schema(
    [
        *(pa.field(name, _RAW, nullable=False) for name in (*_PRICES, "volume")),
        *(pa.field(name, pa.uint64(), nullable=False) for name in ("ts_event", "ts_init")),
    ]
)


def _word(index: pa.DataType) -> pa.DataType:
    return pa.dictionary(index, pa.string())


_CONTRACT = pa.schema(
    {
        "id": _word(pa.int64()),
        "raw_symbol": pa.string(),
        "underlying": _word(pa.int16()),
        "asset_class": _word(pa.int8()),
        "exchange": _word(pa.int16()),
        "option_kind": _word(pa.int8()),
        "strike_price": _word(pa.int64()),
        "currency": _word(pa.int16()),
        "activation_ns": pa.uint64(),
        "expiration_ns": pa.uint64(),
        "price_precision": pa.uint8(),
        "size_precision": pa.uint8(),
        "price_increment": _word(pa.int16()),
        "size_increment": _word(pa.int16()),
        "multiplier": _word(pa.int16()),
        "lot_size": _word(pa.int16()),
        "margin_init": pa.string(),
        "margin_maint": pa.string(),
        "maker_fee": pa.string(),
        "taker_fee": pa.string(),
        "info": pa.binary(),
        "ts_event": pa.uint64(),
        "ts_init": pa.uint64(),
    },
    metadata={"class": "OptionContract"},
)


@dataclass(slots=True)
class Exported:
    """What a catalogue holds. skipped: quotes of which only the close is known, which are no bars."""

    instruments: int = 0
    bars: int = 0
    skipped: int = 0


def nautilus(sources: Sources, folder: Path, on_bars: Callable[[int], object] = lambda _: None) -> Exported:
    """Write option bars as a catalogue: trades (LAST), BID and ASK of each contract, and the contracts themselves.

    Bars without trades have no LAST. BID and ASK have no size; theirs is 0.

    Args:
        sources: option bars.
        folder: of the catalogue; new or empty. An export that fails leaves nothing in it.
        on_bars: is told after each contract how many bars are written so far.

    Raises:
        UsageError: the folder is not empty.
        ArchiveError: a source is damaged, or its contract is unknown.
        OSError: a file cannot be written.
    """
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty", "name a new folder: a catalogue is written whole")
    done = Exported()
    try:
        for bars, terms in _by_contract(sources):
            instrument = _Instrument(sources.symbol, terms)
            instrument.write(folder)
            done.instruments += 1
            for series, prefix in _SERIES.items():
                written, skipped = _write_bars(folder, instrument.id, series, bars, prefix, sources)
                done.bars += written
                done.skipped += skipped
            on_bars(done.bars)
    except BaseException:  # half a catalogue would be taken for a whole one
        shutil.rmtree(folder / "data", ignore_errors=True)
        raise
    return done


def _by_contract(sources: Sources) -> Iterator[tuple[pa.Table, dict[str, Any]]]:
    """Yield the bars of each contract under the same symbol, with its terms."""
    for part in sources.rows():
        rows = rows_of(part, sources.contracts)
        starts = np.flatnonzero(np.r_[True, rows[1:] != rows[:-1]]).tolist()
        for start, end in zip(starts, [*starts[1:], len(part)], strict=True):
            [terms] = sources.contracts.slice(int(rows[start]), 1).to_pylist()
            yield part.slice(start, end - start), terms


class _Instrument:
    """An option contract as Nautilus knows it.

    Args:
        underlying: its symbol.
        terms: a row of the archive's contracts.
    """

    def __init__(self, underlying: str, terms: dict[str, Any]) -> None:
        self._underlying = underlying
        self._terms = terms
        self.id = f"{terms['contract_symbol'].replace(' ', '')}.{terms['exchange']}"

    def write(self, folder: Path) -> None:
        """Write its file."""
        terms = self._terms
        seen: date = terms["first_seen"] or date(1970, 1, 1)
        since = _nanoseconds(datetime.combine(seen, time(), UTC))
        fields = {
            "id": self.id,
            "raw_symbol": terms["contract_symbol"],
            "underlying": self._underlying,
            "asset_class": "EQUITY",
            "exchange": None,
            "option_kind": "CALL" if terms["option_type"] == "C" else "PUT",
            "strike_price": f"{terms['strike_price']:.4f}",
            "currency": terms["currency"],
            "activation_ns": since,
            "expiration_ns": _nanoseconds(datetime.combine(terms["expiration_date"], _CLOSE, NEW_YORK)),
            "price_precision": 4,
            "size_precision": 0,
            "price_increment": "0.0001",
            "size_increment": "1",
            "multiplier": str(terms["multiplier"]),
            "lot_size": "1",
            "info": b"null",
            "ts_event": since,
            "ts_init": since,
            **dict.fromkeys(("margin_init", "margin_maint", "maker_fee", "taker_fee"), "0"),
        }
        table = pa.Table.from_pylist([fields], schema=_CONTRACT)
        _write(folder / "data" / "option_contract" / self.id, table, since, since)


def _write_bars(
    folder: Path, instrument: str, series: str, bars: pa.Table, prefix: str, sources: Sources
) -> tuple[int, int]:
    """Write the bars of a contract's series; return how many they are, and how many have a close alone."""
    prices = [wholes(bars[f"{prefix}{name}"]) for name in _PRICES]
    known = prices[3] != NULL
    whole = np.logical_and.reduce([price != NULL for price in prices])
    skipped = int((known & ~whole).sum())
    count = int(whole.sum())
    if not count:
        return 0, skipped
    size = sources.data_set.bar_size
    minutes = int(size.total_seconds()) // 60
    kind = f"{instrument}-{minutes}-MINUTE-{series}-EXTERNAL"
    ends = (wholes(bars["time"])[whole] + int(size.total_seconds()) * 1_000_000) * 1_000
    volume = wholes(bars["volume"])[whole] if series == "LAST" else np.zeros(count, np.int64)
    stamps = pa.array(ends.astype(np.uint64))
    schema = _BARS.with_metadata(
        {"bar_type": kind, "instrument_id": instrument, "price_precision": "4", "size_precision": "0"}
    )
    arrays = [_raw(column(price[whole], pa.decimal128(18, 4))) for price in prices]
    arrays.append(_raw(column(np.where(volume == NULL, 0, volume), pa.decimal128(18, 0))))
    table = pa.Table.from_arrays([*arrays, stamps, stamps], schema=schema)
    _write(folder / "data" / "bar" / kind, table, int(ends[0]), int(ends[-1]))
    return count, skipped


def _raw(decimals: pa.Array) -> pa.Array:
    """Return decimals as whole numbers of 10^-16 in sixteen bytes, the lowest first."""
    wide = decimals.cast(_WIDE)
    return pa.Array.from_buffers(_RAW, len(wide), [None, wide.buffers()[1]], offset=wide.offset)


def _write(folder: Path, table: pa.Table, first: int, last: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, folder / f"{_stamp(first)}_{_stamp(last)}.parquet", compression="zstd")


def _stamp(nanoseconds: int) -> str:
    """Return an instant as it stands in a file's name."""
    seconds, rest = divmod(nanoseconds, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H-%M-%S}-{rest:09d}Z"


def _nanoseconds(instant: datetime) -> int:
    return int(instant.timestamp()) * 10**9
