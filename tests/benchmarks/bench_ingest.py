"""Rows a second into the bar table: the collector's store beside raw COPY into the same table, on each engine.

`python -m tests.benchmarks.bench_ingest`. A row is a slot of a contract with TRADES, BID and ASK. "store" is all of it:
text from bars, staging, comparison with what is there, coverage, one transaction a batch. "COPY" is the same bars
turned into text and copied, "COPY, encoded" has the text ready and shows the server's limit; neither checks anything.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, date, datetime
from decimal import Decimal
from statistics import median
from typing import TypeVar

import asyncpg

from collector.clock import SystemClock
from collector.db.bars import bar_tables
from collector.db.bars.bar_tables import InstrumentAnswers, SeriesAnswer
from collector.db.connection import pool
from collector.db.schema import features, migrate
from collector.domain.market_data.bars import SCALE, Bar
from collector.domain.market_data.instruments import OptionContract, Right, WhatToShow
from collector.domain.market_data.spans import Spans
from tests.benchmarks.bench_storage import say
from tests.support import engines
from tests.support.slots import SLOT, data_set_of

_Batch = TypeVar("_Batch")

_ROUNDS = 5
_SLOTS = 78
_AIMS = {78: 0.2, 1_000: 0.4, 10_000: 0.6, 100_000: 0.4}
"""By the rows of a batch: what of COPY the store reaches at least."""
_OPEN = datetime(2026, 11, 19, 14, 30, tzinfo=UTC)
_COLUMNS = (
    "contract_id", "time", "open", "up", "down", "close", "volume", "bar_count", "vwap_off", "bid_open", "bid_up",
    "bid_down", "bid_close", "ask_open", "ask_up", "ask_down", "ask_close", "collection_run_id", "created_at",
    "updated_at",
)  # fmt: skip
_CONTRACTS = """
WITH underlying AS (
    INSERT INTO underlying_securities (symbol, ib_con_id, sec_type, exchange, currency)
    VALUES ('SPY', 756733, 'STK', 'SMART', 'USD') RETURNING id
)
INSERT INTO option_chains (underlying_id, contract_symbol, expiration_date, strike_price, option_type, ib_con_id,
    multiplier, exchange, trading_class, currency)
SELECT id, n::text, '2026-12-18', n, 'C', n, 100, 'SMART', 'SPY', 'USD' FROM underlying, generate_series(1, 20000) AS n
"""


def _answers(contract: int) -> InstrumentAnswers:
    """Return a full session of a contract in three series."""
    end = _OPEN + _SLOTS * SLOT
    covered = Spans.of(_OPEN, end)
    series = {}
    for what in (WhatToShow.TRADES, WhatToShow.BID, WhatToShow.ASK):
        found = []
        for slot in range(_SLOTS):
            price = 100 * (100 + (contract * 7 + slot * 13) % 2000)
            traded = (SCALE * (slot + 1), 3, price) if what is WhatToShow.TRADES else (None, None, None)
            volume, count, vwap = traded
            found.append(Bar(_OPEN + slot * SLOT, price, price + SCALE, price, price, volume, count, vwap))
        series[what] = SeriesAnswer(tuple(found), covered, covered)
    instrument = OptionContract("SPY", contract, date(2026, 12, 18), Decimal(contract), Right.CALL, id=contract)
    return InstrumentAnswers(instrument, data_set_of(instrument), series)


def _text(batch: Sequence[InstrumentAnswers]) -> bytes:
    """Return a batch as COPY's text."""
    lines = []
    for answers in batch:
        trades, bids, asks = (answers.series[what].bars for what in answers.series)
        for trade, bid, ask in zip(trades, bids, asks, strict=True):
            prices = [_stored(one) for one in (trade, bid, ask)]
            at = trade.time.isoformat()
            lines.append(
                f"{answers.instrument.id}\t{at}\t{prices[0]}\t{(trade.volume or 0) // SCALE}\t{trade.bar_count}\t0"
                f"\t{prices[1]}\t{prices[2]}\t1\t{at}\t{at}\n"
            )
    return "".join(lines).encode()


def _stored(bar: Bar) -> str:
    """Return open, up, down and close in cents."""
    open_, high, low, close = (price // 100 for price in bar[1:5])
    return f"{open_}\t{high - max(open_, close)}\t{min(open_, close) - low}\t{close}"


async def _stream(text: bytes) -> AsyncIterator[bytes]:
    yield text


async def _emptied(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    await connection.execute("TRUNCATE store.option_bars_5min, request_coverage, bar_revisions")


async def _measure(url: str, size: int, rows: int) -> tuple[float, ...]:
    """Return rows a second of (COPY encoded, COPY, store, store of identical rows) in batches of about `size` rows.

    The medians of rounds in which the four take turns, because a machine's speed changes between rounds.
    """
    per_batch = max(1, size // _SLOTS)
    contracts = max(per_batch, rows // _SLOTS)
    batches = [
        [_answers(c) for c in range(first, min(first + per_batch, contracts + 1))]
        for first in range(1, contracts + 1, per_batch)
    ]
    connection = await asyncpg.connect(url)
    async with pool.connect(url, SystemClock(), size=1) as database:
        rounds = [await _round(connection, database, batches) for _ in range(_ROUNDS)]
    await connection.close()
    total = sum(map(len, batches)) * _SLOTS
    return tuple(total / median(seconds) for seconds in zip(*rounds, strict=True))


async def _round(
    connection: "asyncpg.Connection[asyncpg.Record]", database: pool.Database, batches: list[list[InstrumentAnswers]]
) -> list[float]:
    """Return seconds of COPY encoded, COPY, store and store of identical rows."""

    async def copy(text: bytes) -> None:
        await connection.copy_to_table(
            "option_bars_5min", schema_name="store", source=_stream(text), columns=_COLUMNS, format="text"
        )

    async def copy_encoded(batch: list[InstrumentAnswers]) -> None:
        await copy(_text(batch))

    async def store(batch: list[InstrumentAnswers]) -> None:
        await bar_tables.store(database, batch, 1)

    await _emptied(connection)
    seconds = [await _seconds(copy, [_text(batch) for batch in batches])]
    await _emptied(connection)
    seconds.append(await _seconds(copy_encoded, batches))
    await _emptied(connection)
    seconds += [await _seconds(store, batches), await _seconds(store, batches)]
    return seconds


async def _seconds(write: Callable[[_Batch], Awaitable[None]], batches: Sequence[_Batch]) -> float:
    began = time.perf_counter()
    for batch in batches:
        await write(batch)
    return time.perf_counter() - began


async def _run(engine: engines.Engine, rows: int) -> bool:
    url = engine.database("bench_ingest")
    connection = await asyncpg.connect(engine.url)
    await connection.execute("DROP DATABASE IF EXISTS bench_ingest")
    await connection.execute("CREATE DATABASE bench_ingest")
    await connection.close()
    await migrate.upgrade(url)
    await features.apply(url)
    connection = await asyncpg.connect(url)
    await connection.execute(_CONTRACTS)
    await connection.close()
    missed = False
    for size, aim in _AIMS.items():
        encoded, copied, stored, again = await _measure(url, size, min(rows, size * 100))
        missed |= stored < aim * copied
        say(
            f"{engine.name:10}{size:>10}{encoded:>16.0f}{copied:>10.0f}{stored:>10.0f}{again:>12.0f}"
            f"{stored / copied:>14.0%}{stored / encoded:>14.0%}"
        )
    return missed


def main() -> int:
    """Print the table; 1 when the store is below what is aimed at."""
    parser = argparse.ArgumentParser(description="rows a second")
    parser.add_argument("--rows", type=int, default=200_000)
    arguments = parser.parse_args()
    say(
        f"{'rows/s':10}{'batch':>10}{'COPY, encoded':>16}{'COPY':>10}{'store':>10}{'identical':>12}"
        f"{'of COPY':>14}{'of encoded':>14}"
    )
    missed = False
    with ExitStack() as stack:
        for name in engines.NAMES:
            try:
                engine = engines.find(name, stack)
            except engines.EngineAbsent as exc:
                say(f"{name}: {exc}")
                continue
            missed |= asyncio.run(_run(engine, arguments.rows))
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
