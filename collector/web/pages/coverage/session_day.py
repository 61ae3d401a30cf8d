"""The page of a session."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np

from collector.app import reading
from collector.db.bookkeeping import gaps_table, requests_table
from collector.db.bookkeeping.requests_table import Pace
from collector.db.connection.pool import Statements
from collector.db.readers import day_status
from collector.db.readers.grids import Cell, GridContract, SessionGrid
from collector.domain.errors import UsageError
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.market_data.instruments import Underlying, WhatToShow
from collector.domain.market_data.sessions import Session
from collector.domain.run_vocabulary import GapState
from collector.web.context import Context
from collector.web.page import Asked, Download, Page, Parameter
from collector.web.pages.coverage import grid_files

DAY = Parameter("day", "the session's date in New York", "2026-11-20")
SYMBOL = Parameter("symbol", "of the underlying", "SPY")

_WORST = 10
_STEP = OPTION_BARS_5MIN.bar_size


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """Expected slots by what is there. no_trade: settled without one; unknown: neither; valued: with a volatility."""

    slots: int
    traded: int
    no_trade: int
    unknown: int
    quoted: int
    valued: int
    quarantined: int


@dataclass(frozen=True, slots=True)
class Expiration:
    """Contracts of an expiration.

    not_final: series-slots; of these, awaiting: lack a second witness only, lost: can never be fetched.
    """

    expiration: date
    contracts: int
    not_final: int
    awaiting: int
    lost: int
    slots: Slots


@dataclass(frozen=True, slots=True)
class Worst:
    """A contract that lacks much. lacks: series-slots that are not final; words: of which series.

    contract: its OCC symbol on the day; present_symbol: what it is called now.
    """

    contract: str
    present_symbol: str
    lacks: int
    lost: int
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolDay:
    """A symbol's contracts on the session.

    complete: contracts of which every series is settled. expected, settled, awaiting, lost: series-slots. worst: the
    contracts that lack most, the first of them most. gaps: by state, those of the underlying's own bars among them.
    """

    symbol: str
    opens: datetime
    closes: datetime
    series: tuple[str, ...]
    contracts: int
    complete: int
    expected: int
    settled: int
    awaiting: int
    lost: int
    slots: Slots
    worst: tuple[Worst, ...]
    expirations: tuple[Expiration, ...]
    gaps: Mapping[str, int]

    @property
    def completeness(self) -> float | None:
        """Return settled of expected series-slots as a fraction of 1, None when nothing is expected."""
        return self.settled / self.expected if self.expected else None


@dataclass(frozen=True, slots=True)
class DayRun:
    """An attempt at a window. new, changed: rows."""

    id: int
    window: str
    attempt: int
    status: str
    started: datetime
    completed: datetime | None
    new: int
    changed: int
    errors: int


@dataclass(frozen=True, slots=True)
class SessionDay:
    """A session. before, after: the neighbouring ones. pacing: its runs' requests, by five minutes.

    over: every product has closed. not_known: configured symbols of which nothing is known yet.
    """

    day: date
    over: bool
    before: date
    after: date
    symbols: tuple[SymbolDay, ...]
    not_known: tuple[str, ...]
    runs: tuple[DayRun, ...]
    pacing: tuple[Pace, ...]

    @property
    def most_requests(self) -> int:
        """Return the most requests of five minutes, 1 at least."""
        return max((one.requests for one in self.pacing), default=1)

    @property
    def base(self) -> grid_files.Layer:
        """Return what lies below all layers."""
        return grid_files.SLOT_BASE

    @property
    def layers(self) -> tuple[grid_files.Layer, ...]:
        """Return what a slot may say."""
        return grid_files.SLOT_LAYERS


def day_of(asked: Asked) -> date:
    """Return the day that is asked for.

    Raises:
        UsageError: it is no date.
    """
    try:
        return date.fromisoformat(asked["day"])
    except ValueError as error:
        raise UsageError(f"{asked['day']!r} is no date", "Example: /sessions/2026-11-20") from error


async def _answer(context: Context, asked: Asked) -> SessionDay:
    day, configured = day_of(asked), context.settings.symbol_names
    context.days.session("SPY", day)
    async with context.reading() as db:
        symbols = [await _symbol(context, db, one, day) for one in await reading.known(db, [], configured)]
        runs = await day_status.runs_of(db, day)
        pacing = await requests_table.paces(
            db,
            [one.id for one in runs],
            min((one.started_at for one in runs), default=context.now),
            max((one.completed_at or context.now for one in runs), default=context.now) + _STEP,
            _STEP,
        )
    return SessionDay(
        day,
        all(context.days.session(symbol, day).close <= context.now for symbol in configured),
        context.days.previous(day),
        context.days.next(day),
        tuple(symbols),
        tuple(symbol for symbol in configured if symbol not in {one.symbol for one in symbols}),
        tuple(_run(one) for one in runs),
        tuple(pacing),
    )


def _run(row: day_status.RunRow) -> DayRun:
    return DayRun(
        row.id,
        row.window,
        row.attempt,
        row.status,
        row.started_at,
        row.completed_at,
        row.bars_inserted,
        row.bars_updated,
        row.errors,
    )


async def _grid(context: Context, db: Statements, underlying: Underlying, day: date) -> tuple[Session, SessionGrid]:
    session = context.days.session(underlying.symbol, day)
    return session, await context.grids.of(db, underlying, session, context.settings.series_for(underlying.symbol))


async def _symbol(context: Context, db: Statements, underlying: Underlying, day: date) -> SymbolDay:
    session, grid = await _grid(context, db, underlying, day)
    series = context.settings.series_for(underlying.symbol)
    selected = [one for one in grid.contracts if one.selected]
    expected = len(selected) * len(grid.slots) * len(series)
    gaps = await gaps_table.totals(db, [underlying.symbol], session.open, session.close)
    return SymbolDay(
        symbol=underlying.symbol,
        opens=session.open,
        closes=session.close,
        series=tuple(series),
        contracts=len(selected),
        complete=sum(not one.unsettled for one in selected),
        expected=expected,
        settled=expected - _not_final(selected),
        awaiting=sum(one.awaiting for one in selected),
        lost=sum(one.lost for one in selected),
        slots=_slots(grid, slice(None)),
        worst=tuple(_worst(selected)),
        expirations=tuple(_expirations(grid)),
        gaps={state: gaps[state].gaps for state in GapState if state in gaps},
    )


def _not_final(contracts: Iterable[GridContract]) -> int:
    return sum(sum(one.unsettled.values()) for one in contracts)


def _slots(grid: SessionGrid, rows: slice) -> Slots:
    cells = grid.array()[rows]
    cells = cells[cells & Cell.EXPECTED > 0]

    def with_any(bits: Cell) -> int:
        return int(np.count_nonzero(cells & bits))

    return Slots(
        slots=len(cells),
        traded=with_any(Cell.TRADED),
        no_trade=len(cells) - with_any(Cell.TRADED | Cell.UNKNOWN),
        unknown=with_any(Cell.UNKNOWN),
        quoted=with_any(Cell.QUOTED),
        valued=with_any(Cell.IV),
        quarantined=with_any(Cell.QUARANTINED),
    )


def _expirations(grid: SessionGrid) -> Iterable[Expiration]:
    sizes = Counter(one.expiration for one in grid.contracts)
    first = 0
    for expiration, size in sizes.items():
        rows = slice(first, first + size)
        own = [one for one in grid.contracts[rows] if one.selected]
        yield Expiration(
            expiration,
            len(own),
            _not_final(own),
            sum(one.awaiting for one in own),
            sum(one.lost for one in own),
            _slots(grid, rows),
        )
        first += size


def _worst(contracts: Sequence[GridContract]) -> Iterable[Worst]:
    lacking = [(sum(one.unsettled.values()), one) for one in contracts if one.unsettled]
    # Sorting keeps the grid's order among those that lack the same.
    for lacks, one in sorted(lacking, key=lambda pair: -pair[0])[:_WORST]:
        of_series = ", ".join(f"{what} {one.unsettled[what]}" for what in WhatToShow if one.unsettled.get(what))
        yield Worst(one.occ_symbol, one.present_symbol, lacks, one.lost, of_series)


async def _file(context: Context, asked: Asked) -> bytes:
    day = day_of(asked)
    async with context.reading() as db:
        [underlying] = await reading.known(db, [asked["symbol"]], context.settings.symbol_names)
        _, grid = await _grid(context, db, underlying, day)
    return grid_files.of_session(grid, context.now)


PAGE = Page(
    path="/sessions/{day}",
    title=lambda it: f"Session of {it.day:%A}, {it.day}",
    what="What is there of a session: every contract's slots, runs, gaps, requests.",
    model=SessionDay,
    answer=_answer,
    template="coverage/session.html.j2",
    parameters=(DAY,),
)

GRID = Download(
    path="/sessions/{day}/grids/{symbol}",
    what="A session's slots of each contract: a line of JSON that names rows, columns and bits, then a byte a slot.",
    media_type=grid_files.MEDIA_TYPE,
    answer=_file,
    parameters=(DAY, SYMBOL),
)
