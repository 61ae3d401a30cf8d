"""Grids as files that static/grid.js draws.

A file is a line of JSON, which says what rows, columns and cells are, and then the cells, a byte each, row by row.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from collector.db.readers.contract_states import ContractState, SymbolSessions
from collector.db.readers.grids import Cell, SessionGrid
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.notify.reports import wording

MEDIA_TYPE = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Layer:
    """What a cell may say. value: of the cell, or the bit; colour: of palette.css, words: for people.

    is_hole: whether it is worth going to from hole to hole.
    """

    value: int
    colour: str
    words: str
    is_hole: bool = False


SLOT_BASE = Layer(Cell.EXPECTED, "no-trade", "no trade")
SLOT_LAYERS = (
    Layer(Cell.QUOTED, "quoted", "bid and ask"),
    Layer(Cell.IV, "valued", "implied volatility"),
    Layer(Cell.TRADED, "traded", "traded"),
    Layer(Cell.AWAITING, "awaiting", "awaits a second witness", is_hole=True),
    Layer(Cell.UNKNOWN, "unknown", "unknown whether it traded", is_hole=True),
    Layer(Cell.QUARANTINED, "quarantined", "a bar in quarantine", is_hole=True),
)
"""Bits of a slot, the last one lies on top."""

STATE_BASE = Layer(ContractState.NOT_SELECTED, "card", "not selected")
STATE_LAYERS = (
    Layer(ContractState.COMPLETE, "traded", "complete"),
    Layer(ContractState.AWAITING, "awaiting", "awaits a second witness", is_hole=True),
    Layer(ContractState.PARTIAL, "partial", "partial", is_hole=True),
    Layer(ContractState.NOTHING, "unknown", "nothing", is_hole=True),
    Layer(ContractState.LOST, "lost", "lost, in part or whole", is_hole=True),
    Layer(ContractState.QUARANTINED, "quarantined", "a bar in quarantine", is_hole=True),
)
"""States of a session."""


def of_session(grid: SessionGrid, now: datetime) -> bytes:
    """Return the grid of a session. What is not over yet is told apart from what is not known."""
    over = sum(slot + OPTION_BARS_5MIN.bar_size <= now for slot in grid.slots)
    head = {
        "symbol": grid.symbol,
        "kind": "slots",
        "day": grid.session.day.isoformat(),
        "columns": [wording.in_new_york(slot) for slot in grid.slots],
        "over": over,
        "rows": [one.occ_symbol for one in grid.contracts],
        "renamed": {
            one.occ_symbol: one.present_symbol for one in grid.contracts if one.occ_symbol != one.present_symbol
        },
        "base": asdict(SLOT_BASE),
        "open": {"value": Cell.UNSETTLED, "words": "not final"},
        "layers": _documents(SLOT_LAYERS),
    }
    return _file(head, grid.cells)


def of_sessions(found: SymbolSessions) -> bytes:
    """Return the grid of a symbol's sessions."""
    head = {
        "symbol": found.symbol,
        "kind": "sessions",
        "columns": [day.isoformat() for day in found.sessions],
        "over": len(found.sessions),
        "rows": found.contracts,
        "base": asdict(STATE_BASE),
        "layers": _documents(STATE_LAYERS),
    }
    return _file(head, found.cells)


def _documents(layers: Sequence[Layer]) -> list[dict[str, object]]:
    return [asdict(one) for one in layers]


def _file(head: dict[str, object], cells: bytes) -> bytes:
    return json.dumps(head).encode() + b"\n" + cells
