"""A small market in the database, made by the collector's own statements; for tests of collector.db."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from collector.db.bars.bar_tables import InstrumentAnswers, SeriesAnswer
from collector.db.connection.pool import Database, Statements
from collector.db.contracts import contract_tables as contracts
from collector.db.contracts import lifecycle
from collector.domain.market_data.bars import Bar, whole
from collector.domain.market_data.instruments import OptionContract, Right, Underlying, WhatToShow
from collector.domain.market_data.sessions import Session
from collector.domain.market_data.spans import Spans
from tests.support.slots import SLOT, data_set_of

FRIDAY = Session(
    date(2026, 11, 20),
    datetime(2026, 11, 20, 14, 30, tzinfo=UTC),
    datetime(2026, 11, 20, 21, 0, tzinfo=UTC),
    datetime(2026, 11, 23, 14, 30, tzinfo=UTC),
)
MONDAY = Session(
    date(2026, 11, 23),
    datetime(2026, 11, 23, 14, 30, tzinfo=UTC),
    datetime(2026, 11, 23, 21, 0, tzinfo=UTC),
    datetime(2026, 11, 24, 14, 30, tzinfo=UTC),
)
EXPIRATION = date(2026, 11, 23)
BLOCK = 1 << 20
BLOCKS = 2047
"""So many blocks of so many contract ids lie below 2^31."""
NEVER = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)

T, B, A, V = WhatToShow.TRADES, WhatToShow.BID, WhatToShow.ASK, WhatToShow.OPTION_IMPLIED_VOLATILITY


@dataclass(frozen=True)
class Chain:
    """An underlying and its contracts, ascending by strike, all with database ids."""

    underlying: Underlying
    contracts: list[OptionContract]


async def make_chain(
    db: Database,
    strikes: int = 2,
    *,
    symbol: str = "PLTR",
    expiration: date = EXPIRATION,
    select_from: date | None = None,
) -> Chain:
    """Store an underlying with so many calls, selected from a day on (default: Friday)."""
    con_id = sum(map(ord, symbol)) * 1000
    underlying = await contracts.add_underlying(db, Underlying(symbol, con_id, name=f"{symbol} Inc."))
    listed = [
        OptionContract(symbol, con_id + n, expiration, Decimal(100 + n), Right.CALL, trading_class=symbol)
        for n in range(1, strikes + 1)
    ]
    await contracts.store_expiration(db, underlying.id, expiration, listed, seen_at=FRIDAY.open)
    stored = await contracts.listed(db, underlying.id, expiration, expiration)
    await lifecycle.select(db, [c.id for c in stored], select_from or FRIDAY.day)
    return Chain(underlying, stored)


def slot(number: int, session: Session = FRIDAY) -> datetime:
    """Return the start of a session's slot, counted from 0."""
    return session.open + number * SLOT


def trade(number: int, close: str = "1.25", volume: str = "10", session: Session = FRIDAY) -> Bar:
    """Return a TRADES bar of a slot."""
    price = whole(close)
    return Bar(slot(number, session), price, price, price, price, whole(volume), 3, price)


def quote(number: int, close: str = "1.20", session: Session = FRIDAY) -> Bar:
    """Return a bar of any other series in a slot."""
    price = whole(close)
    return Bar(slot(number, session), price, price, price, price)


def answer(
    bars: Iterable[Bar] = (), *, session: Session = FRIDAY, slots: int | None = None, settles: bool = True
) -> SeriesAnswer:
    """Return an answer that speaks for a session, or for its first slots only; all of it final by default."""
    part = Spans.of(session.open, session.close if slots is None else session.open + slots * SLOT)
    return SeriesAnswer(tuple(bars), part, part if settles else Spans())


def answers(instrument: Underlying | OptionContract, **series: SeriesAnswer) -> InstrumentAnswers:
    """Return an instrument's answers, by the names of the series."""
    return InstrumentAnswers(
        instrument, data_set_of(instrument), {WhatToShow[name]: given for name, given in series.items()}
    )


async def rows(db: Statements, statement: str, *args: object) -> list[tuple[object, ...]]:
    """Return what any SELECT says, for looking at tables."""
    async with db._connection() as connection:
        return [tuple(record.values()) for record in await connection.fetch(statement, *args)]


async def put_in(db: Database, contract_id: int, underlying_id: int) -> None:
    """Insert a contract with an id of the test's choice, as an adoption does."""
    await rows(db, _WITH_IDS, [contract_id], underlying_id)


async def fill_blocks(db: Database, underlying_id: int) -> None:
    """Give an underlying the last id of every block."""
    await rows(db, _WITH_IDS, [block * BLOCK - 1 for block in range(1, BLOCKS + 1)], underlying_id)


_WITH_IDS = """
INSERT INTO option_chains (id, underlying_id, contract_symbol, expiration_date, strike_price, option_type, ib_con_id,
    multiplier, exchange, trading_class, currency)
SELECT id, $2, 'unknown', '2020-01-17', 1, 'C', -id, 100, 'SMART', '', 'USD' FROM unnest($1::int[]) AS id RETURNING id
"""
BARS = """
SELECT time, open, close, volume, bar_count, bid_close, ask_close, spread_close, mid_close, data_source, has_gaps, flags
FROM option_bars_5min WHERE contract_id = $1 ORDER BY time
"""
COVERAGE = """
SELECT what_to_show, covered::text, settled::text FROM request_coverage
WHERE contract_id = $1 ORDER BY what_to_show
"""


async def picture(db: Database, contract: OptionContract) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """Return everything that must be equal in equal tables, for one contract."""
    return await rows(db, BARS, contract.id), await rows(db, COVERAGE, contract.id)
