"""Read the slots of a session, contract by contract.

One byte a cell, contracts × slots: small enough to travel whole, and to be drawn as it is.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import IntFlag

import numpy as np
import numpy.typing as npt

from collector.db.connection.pool import Row, Statements
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.market_data.instruments import Right, Underlying, WhatToShow
from collector.domain.market_data.sessions import Session


class Cell(IntFlag):
    """Bits of a cell: a slot of a contract.

    TRADED, QUOTED, IV: a trade, a bid with an ask, an implied volatility is stored. UNKNOWN: nobody knows whether the
    contract traded (it is neither traded nor settled without a trade). QUARANTINED: a bar that cannot be true came for
    it. AWAITING: a series was called empty and awaits a second witness. EXPECTED: the contract is selected for the
    session. UNSETTLED: some configured series is not final.
    """

    TRADED = 1
    QUOTED = 2
    IV = 4
    UNKNOWN = 8
    QUARANTINED = 16
    AWAITING = 32
    EXPECTED = 64
    UNSETTLED = 128


@dataclass(frozen=True, slots=True)
class GridContract:
    """A row of the grid, under the terms of its day.

    present_symbol: what it is called now; another contract may bear the symbol of that day by now. selected: whether
    anything is expected; one that is not has bars all the same. unsettled: slots that are not final, by series; of
    these series-slots, awaiting: lack a second witness only, lost: can never be fetched.
    """

    id: int
    occ_symbol: str
    present_symbol: str
    expiration: date
    strike: Decimal
    right: Right
    selected: bool
    unsettled: Mapping[WhatToShow, int]
    awaiting: int
    lost: int


@dataclass(frozen=True, slots=True)
class SessionGrid:
    """A session of a symbol. contracts: by expiration, strike, right. slots: starts, ascending. cells: row by row."""

    symbol: str
    session: Session
    contracts: tuple[GridContract, ...]
    slots: tuple[datetime, ...]
    cells: bytes

    def array(self) -> npt.NDArray[np.uint8]:
        """Return the cells as contracts × slots."""
        return np.frombuffer(self.cells, np.uint8).reshape(len(self.contracts), len(self.slots))

    def count(self, bits: Cell, without: Cell | None = None) -> int:
        """Return how many expected cells have all of some bits, and none of others."""
        wanted = int(bits | Cell.EXPECTED)
        return int(np.count_nonzero((self.array() & (wanted | int(without or 0))) == wanted))


_KEPT = 6
"""Grids that are kept, of half a megabyte or two each."""
_BY_KIND = {"unsettled": Cell.UNSETTLED, "awaiting": Cell.AWAITING}


async def session_grid(
    db: Statements, underlying: Underlying, session: Session, series: Sequence[WhatToShow]
) -> SessionGrid:
    """Return what is there of a session of a symbol's contracts: those selected for it, and others with bars.

    Args:
        db: the database; three statements.
        underlying: whose contracts, with its id.
        session: the product's, whole or clipped.
        series: the configured ones of its options.
    """
    rows = await db.fetch("grid_contracts", underlying.id, session.day)
    return await _of_contracts(db, underlying, session, series, rows)


class SessionGrids:
    """Reads grids of sessions, and keeps the latest few until anything of them changes."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, Session], tuple[object, SessionGrid]] = {}
        self._one_at_a_time = asyncio.Lock()

    async def of(
        self, db: Statements, underlying: Underlying, session: Session, series: Sequence[WhatToShow]
    ) -> SessionGrid:
        """Return what `session_grid` returns: in two statements where nothing has changed, in four otherwise."""
        key = underlying.id, session
        async with self._one_at_a_time:
            change = await db.fetchval("session_change", underlying.id, OPTION_BARS_5MIN.id, session.day)
            rows = await db.fetch("grid_contracts", underlying.id, session.day)
            seen = (change, [tuple(row) for row in rows], tuple(series))
            before, grid = self._kept.pop(key, (None, None))
            if grid is None or before != seen:
                grid = await _of_contracts(db, underlying, session, series, rows)
            self._kept[key] = seen, grid
            while len(self._kept) > _KEPT:
                del self._kept[next(iter(self._kept))]
            return grid


async def _of_contracts(
    db: Statements, underlying: Underlying, session: Session, series: Sequence[WhatToShow], rows: list[Row]
) -> SessionGrid:
    data_set = OPTION_BARS_5MIN
    span = data_set.span(session)
    slots = tuple(data_set.slots(span))
    contract_ids = [row["contract_id"] for row in rows]
    if not contract_ids:
        return SessionGrid(underlying.symbol, session, (), slots, b"")
    stretches = await db.fetch(
        "grid_stretches", data_set.id, underlying.id, session.day, span.start, span.end, [what.value for what in series]
    )
    first_id, last_id = min(contract_ids), max(contract_ids)
    packed = await db.fetchval("grid_bars", data_set.bar_size, first_id, last_id, contract_ids, span.start, span.end)
    cells = np.zeros((len(rows), len(slots)), np.uint8)
    expected = np.array([row["selected"] and bool(series) for row in rows])
    cells[expected] = Cell.EXPECTED
    _write_stretches(cells, {one: row for row, one in enumerate(contract_ids)}, stretches)
    has_bars = _write_bars(cells, np.array(contract_ids), packed)
    shown = np.flatnonzero(expected | has_bars)
    lacking = {kind: _counted(stretches, kind) for kind in ("unsettled", "awaiting", "lost")}
    contracts = tuple(_contract(rows[i], lacking) for i in shown)
    return SessionGrid(underlying.symbol, session, contracts, slots, cells[shown].tobytes())


def _write_stretches(cells: npt.NDArray[np.uint8], row_of: Mapping[int, int], stretches: Sequence[Row]) -> None:
    for one in stretches:
        bits = _BY_KIND.get(one["kind"], Cell(0))
        if one["kind"] == "unsettled" and one["what_to_show"] == WhatToShow.TRADES:
            bits |= Cell.UNKNOWN
        cells[row_of[one["contract_id"]], one["first_slot"] : one["end_slot"]] |= int(bits)


def _write_bars(
    cells: npt.NDArray[np.uint8], contract_ids: npt.NDArray[np.int64], packed: bytes | None
) -> npt.NDArray[np.bool_]:
    """Write what the stored bars say; return which rows have any."""
    has_bars = np.zeros(len(cells), np.bool_)
    if packed is None:
        return has_bars
    bars = np.frombuffer(packed, ">i8")
    order = np.argsort(contract_ids)
    row = order[np.searchsorted(contract_ids[order], bars >> 32)]
    slot, bits = (bars >> 8) & 0xFFFFFF, (bars & 0xFF).astype(np.uint8)
    own = cells[row, slot] | bits
    # A trade is one, settled or not.
    cells[row, slot] = np.where(bits & Cell.TRADED, own & ~np.uint8(Cell.UNKNOWN), own)
    has_bars[row] = True
    return has_bars


def _counted(stretches: Sequence[Row], kind: str) -> dict[int, Counter[WhatToShow]]:
    """Return by contract how many slots of each series are of a kind."""
    found: dict[int, Counter[WhatToShow]] = {}
    for one in stretches:
        if one["kind"] == kind:
            slots = one["end_slot"] - one["first_slot"]
            found.setdefault(one["contract_id"], Counter())[WhatToShow(one["what_to_show"])] += slots
    return found


def _contract(row: Row, lacking: Mapping[str, Mapping[int, Counter[WhatToShow]]]) -> GridContract:
    def of(kind: str) -> Counter[WhatToShow]:
        return lacking[kind].get(row["contract_id"], Counter())

    return GridContract(
        id=row["contract_id"],
        occ_symbol=row["contract_symbol"],
        present_symbol=row["present_symbol"],
        expiration=row["expiration_date"],
        strike=row["strike_price"],
        right=Right(row["option_type"]),
        selected=row["selected"],
        unsettled=of("unsettled"),
        awaiting=of("awaiting").total(),
        lost=of("lost").total(),
    )
