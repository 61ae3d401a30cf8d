"""Read how far each session of each contract has come.

One byte a contract's session, contracts × sessions.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from collector.db.bookkeeping.coverage_table import session_slots
from collector.db.connection.pool import Row, Statements
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.market_data.instruments import Underlying, WhatToShow
from collector.domain.market_data.sessions import Session


class ContractState(IntEnum):
    """What is known of a contract's session. The numbers are those of sql/queries/contract_states.sql.

    COMPLETE: every configured series is settled. AWAITING: all that is open awaits a second witness. NOTHING: no series
    was answered. LOST: some of it can never be fetched. QUARANTINED: a bar that cannot be true holds a slot open.
    """

    NOT_SELECTED = 0
    COMPLETE = 1
    AWAITING = 2
    PARTIAL = 3
    NOTHING = 4
    LOST = 5
    QUARANTINED = 6


@dataclass(frozen=True, slots=True)
class SymbolSessions:
    """A symbol's contracts on some sessions.

    sessions: their days, ascending. contracts: OCC symbols by expiration, strike, right; those that are selected for
    any of the sessions. cells: a `ContractState` each, row by row.
    """

    symbol: str
    sessions: tuple[date, ...]
    contracts: tuple[str, ...]
    cells: bytes

    def array(self) -> npt.NDArray[np.uint8]:
        """Return the cells as contracts × sessions."""
        return np.frombuffer(self.cells, np.uint8).reshape(len(self.contracts), len(self.sessions))

    def counts(self) -> list[dict[ContractState, int]]:
        """Return by session how many contracts are in which state."""
        array = self.array()
        return [{one: int(np.count_nonzero(column == one)) for one in ContractState} for column in array.T]


class ContractStates:
    """Reads how far the sessions of symbols have come, and counts only what has changed since it was asked last."""

    def __init__(self) -> None:
        self._counted: dict[int, tuple[object, SymbolSessions]] = {}
        self._one_at_a_time = asyncio.Lock()

    async def of(
        self, db: Statements, underlying: Underlying, sessions: Sequence[Session], series: Sequence[WhatToShow]
    ) -> SymbolSessions:
        """Return how far each session of a symbol's contracts has come.

        Args:
            db: the database; two statements, three where anything has changed.
            underlying: whose contracts, with its id.
            sessions: the product's, whole, ascending, at least one.
            series: the configured ones of its options.
        """
        data_set, days = OPTION_BARS_5MIN, [session.day for session in sessions]
        first_day, last_day = days[0], days[-1]
        async with self._one_at_a_time:
            changes = await db.fetchval("changes_of_sessions", underlying.id, data_set.id, first_day, last_day)
            rows = await db.fetch("contracts_of_sessions", underlying.id, first_day, last_day)
            seen = (changes, [tuple(row) for row in rows], days, tuple(series))
            before, found = self._counted.get(underlying.id, (None, None))
            if found is None or before != seen:
                names = [what.value for what in series]
                states = await db.fetchval(
                    "contract_states", data_set.id, underlying.id, *session_slots(data_set, sessions), names
                )
                found = _of_rows(underlying, days, rows, states)
                self._counted[underlying.id] = seen, found
            return found


def _of_rows(underlying: Underlying, days: Sequence[date], rows: Sequence[Row], states: bytes | None) -> SymbolSessions:
    contracts = {row["contract_id"]: row["contract_symbol"] for row in rows}
    row_of = {contract_id: place for place, contract_id in enumerate(contracts)}
    cells = np.zeros((len(contracts), len(days)), np.uint8)
    at = np.array(days, "datetime64[D]")
    starts, ends = (
        np.searchsorted(at, np.array([row[bound] for row in rows], "datetime64[D]"))
        for bound in ("first_day", "end_day")
    )
    for row, start, end in zip(rows, starts, ends, strict=True):
        cells[row_of[row["contract_id"]], start:end] = ContractState.COMPLETE
    if states is not None:
        found = np.frombuffer(states, ">i8")
        places = np.array([row_of[one] for one in (found >> 32).tolist()])
        cells[places, (found >> 8) & 0xFFFFFF] = found & 0xFF
    return SymbolSessions(underlying.symbol, tuple(days), tuple(contracts.values()), cells.tobytes())
