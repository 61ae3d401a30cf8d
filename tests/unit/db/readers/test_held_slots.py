"""A slot is shown in one way: the most worrying that is true of it."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from collector.db.readers.grids import Cell, GridContract, SessionGrid
from collector.db.readers.held_slots import condensed, held_slots
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.market_data.instruments import Right, WhatToShow
from collector.domain.reports.coverage_grid import Holding
from collector.market.calendar import Calendar

SESSION = Calendar().session("PLTR", date(2026, 11, 20))
SLOTS = tuple(OPTION_BARS_5MIN.slots(SESSION.span))
EXPECTED = Cell.EXPECTED


@pytest.mark.parametrize(
    ("bits", "settling", "covering"),
    [
        (Cell(0), Holding.UNEXPECTED, Holding.UNEXPECTED),
        (Cell.TRADED | Cell.QUOTED | Cell.IV, Holding.UNEXPECTED, Holding.UNEXPECTED),
        (EXPECTED, Holding.UNQUOTED, Holding.UNQUOTED),
        (EXPECTED | Cell.TRADED, Holding.UNQUOTED, Holding.UNQUOTED),
        (EXPECTED | Cell.QUOTED, Holding.QUOTED, Holding.QUOTED),
        (EXPECTED | Cell.IV, Holding.UNQUOTED, Holding.UNQUOTED),
        (EXPECTED | Cell.QUOTED | Cell.IV, Holding.VALUED, Holding.VALUED),
        (EXPECTED | Cell.QUOTED | Cell.IV | Cell.UNSETTLED, Holding.MISSING, Holding.VALUED),
        (EXPECTED | Cell.QUOTED | Cell.UNKNOWN | Cell.UNSETTLED, Holding.MISSING, Holding.QUOTED),
        (EXPECTED | Cell.UNKNOWN | Cell.UNSETTLED, Holding.MISSING, Holding.MISSING),
        (EXPECTED | Cell.UNKNOWN | Cell.UNSETTLED | Cell.AWAITING, Holding.AWAITING, Holding.AWAITING),
        (EXPECTED | Cell.QUARANTINED | Cell.UNKNOWN | Cell.QUOTED, Holding.QUARANTINED, Holding.QUARANTINED),
    ],
)
def test_each_slot_is_held_in_one_way(bits: Cell, settling: Holding, covering: Holding) -> None:
    """A window inside the session settles nothing: what it has is there, though it is not final."""
    cell = np.array([[int(bits)]], np.uint8)
    assert held_slots(cell, settling=True).item() == settling
    assert held_slots(cell, settling=False).item() == covering


def contract(id_: int, strike: str, unsettled: dict[WhatToShow, int], *, selected: bool = True) -> GridContract:
    """Return a row of a grid."""
    return GridContract(
        id=id_,
        occ_symbol=f"PLTR  261120C{int(strike) * 1000:08d}",
        present_symbol=f"PLTR  261120C{int(strike) * 1000:08d}",
        expiration=SESSION.day,
        strike=Decimal(strike),
        right=Right.CALL,
        selected=selected,
        unsettled=unsettled,
        awaiting=0,
        lost=0,
    )


def test_a_report_names_the_contracts_that_lack_most() -> None:
    """Of the run's own, whatever is missing first; those that lack nothing are not among them."""
    whole, few, many, strange, other = (
        contract(1, "190", {}),
        contract(2, "191", {WhatToShow.ASK: 2}),
        contract(3, "192", {WhatToShow.TRADES: 78, WhatToShow.BID: 78}),
        contract(4, "193", {}),
        contract(5, "194", {WhatToShow.BID: 78}),
    )
    cells = np.full((5, len(SLOTS)), int(EXPECTED | Cell.QUOTED | Cell.IV), np.uint8)
    cells[1, :2] |= np.uint8(Cell.UNSETTLED)
    cells[2] = int(EXPECTED | Cell.UNKNOWN | Cell.UNSETTLED)
    cells[3, 7] |= np.uint8(Cell.QUARANTINED)
    cells[4] |= np.uint8(Cell.UNSETTLED)
    grid = SessionGrid("PLTR", SESSION, (whole, few, many, strange, other), SLOTS, cells.tobytes())

    found = condensed(grid, {1, 2, 3, 4}, settling=True)
    assert found is not None
    assert [one.contract for one in found.worst] == [one.occ_symbol for one in (many, few, strange)]
    assert found.worst[0].unsettled == (("TRADES", 78), ("BID", 78))
    assert (found.worst[2].quarantined, found.worst[2].unsettled) == (1, ())
    assert {one: found.total(one) for one in Holding if one is not Holding.UNEXPECTED} == {
        Holding.VALUED: 78 + 76 + 77,
        Holding.QUOTED: 0,
        Holding.UNQUOTED: 0,
        Holding.AWAITING: 0,
        Holding.QUARANTINED: 1,
        Holding.MISSING: 80,
    }
    assert [(one.first, one.lowest, one.highest, one.contracts) for one in found.sections] == [
        (SESSION.day, 190.0, 193.0, 4)
    ]
    assert condensed(grid, {9}, settling=True) is None
    early = condensed(grid, {1, 2}, settling=False)
    assert early is not None
    assert (early.worst, early.total(Holding.VALUED)) == ((), 2 * 78)


def test_what_is_missing_is_not_hidden_by_what_awaits() -> None:
    """Where one series awaits a second answer and another was never answered, the slots are missing."""
    alone = replace(contract(1, "190", {WhatToShow.ASK: 78}), awaiting=78)
    beside = replace(contract(2, "191", dict.fromkeys((WhatToShow.TRADES, WhatToShow.ASK), 78)), awaiting=78)
    cells = np.full((2, len(SLOTS)), int(EXPECTED | Cell.UNSETTLED | Cell.AWAITING), np.uint8)
    cells[1] |= np.uint8(Cell.UNKNOWN)
    found = condensed(SessionGrid("PLTR", SESSION, (alone, beside), SLOTS, cells.tobytes()), {1, 2}, settling=True)

    assert found is not None
    assert (found.total(Holding.AWAITING), found.total(Holding.MISSING)) == (78, 78)
    assert [one.contract for one in found.worst] == [beside.occ_symbol, alone.occ_symbol]
