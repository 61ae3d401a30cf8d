"""Say what is held of a grid's slots.

A slot has many bits; a picture shows it in one way, the most worrying that is true of it.
"""

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from collector.db.readers.grids import Cell, GridContract, SessionGrid
from collector.domain.reports.coverage_grid import CoverageGrid, Holding, LackingContract

_WORST = 10


def condensed(grid: SessionGrid, contract_ids: Collection[int], *, settling: bool) -> CoverageGrid | None:
    """Return a session as a report carries it, None without any of the contracts.

    Args:
        grid: the session.
        contract_ids: of these contracts only.
        settling: whether what is not final is missing; otherwise only what is not there.
    """
    rows = [row for row, one in enumerate(grid.contracts) if one.id in contract_ids and one.selected]
    if not rows or not grid.slots:
        return None
    cells, contracts = grid.array()[rows], [grid.contracts[row] for row in rows]
    shown = [(one.expiration, float(one.strike)) for one in contracts]
    held = held_slots(cells, settling=settling)
    if settling:
        # A cell says that some series awaits. Where another is missing, that one must not be hidden.
        lacking = np.array([sum(one.unsettled.values()) > one.awaiting for one in contracts])
        held[(held == Holding.AWAITING) & lacking[:, None]] = Holding.MISSING
    return CoverageGrid.of(grid.slots, shown, held, _worst(contracts, held) if settling else ())


def held_slots(cells: npt.NDArray[np.uint8], *, settling: bool) -> npt.NDArray[np.uint8]:
    """Return for each cell of a grid how it is held, as `Holding`."""

    def have(*bits: Cell) -> npt.NDArray[np.bool_]:
        return np.bitwise_and(cells, np.uint8(sum(bits))).astype(bool)

    missing = have(Cell.UNKNOWN, Cell.UNSETTLED) if settling else have(Cell.UNKNOWN) & ~have(Cell.QUOTED)
    found = np.full(cells.shape, Holding.UNQUOTED, np.uint8)
    # The later, the more it matters.
    found[have(Cell.QUOTED)] = Holding.QUOTED
    found[have(Cell.QUOTED) & have(Cell.IV)] = Holding.VALUED
    found[missing] = Holding.MISSING
    found[missing & have(Cell.AWAITING)] = Holding.AWAITING
    found[have(Cell.QUARANTINED)] = Holding.QUARANTINED
    found[~have(Cell.EXPECTED)] = Holding.UNEXPECTED
    return found


def _worst(contracts: list[GridContract], held: npt.NDArray[np.uint8]) -> list[LackingContract]:
    """Return the contracts that lack most slots; what only awaits a second answer weighs less than what is missing."""
    missing, awaiting, quarantined = (
        (held == one).sum(axis=1) for one in (Holding.MISSING, Holding.AWAITING, Holding.QUARANTINED)
    )
    order = sorted(
        (row for row in range(len(contracts)) if missing[row] or awaiting[row] or quarantined[row]),
        key=lambda row: (-int(missing[row]), -int(quarantined[row]), -int(awaiting[row]), row),
    )
    return [
        LackingContract(
            contract=contracts[row].occ_symbol,
            unsettled=tuple((what.value, slots) for what, slots in contracts[row].unsettled.items()),
            quarantined=int(quarantined[row]),
            awaiting=contracts[row].awaiting,
            lost=contracts[row].lost,
        )
        for row in order[:_WORST]
    ]
