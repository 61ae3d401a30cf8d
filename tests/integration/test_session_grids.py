"""A session's grid says of each slot what the tables say."""

import json
from datetime import timedelta

import numpy as np
import pytest

from collector.db.bars import bar_tables
from collector.db.bars.bar_tables import InstrumentAnswers
from collector.db.bookkeeping import coverage_table, session_statistics
from collector.db.connection.pool import Database
from collector.db.contracts import lifecycle
from collector.db.readers import chains, report_rows
from collector.db.readers.grids import Cell, SessionGrid, SessionGrids, session_grid
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.market_data.instruments import OPTION_SERIES, WhatToShow
from collector.domain.run_vocabulary import Asks, Verdict
from collector.web.pages.coverage import grid_files
from tests.support.db_rows import FRIDAY, Chain, answer, answers, make_chain, quote, rows, slot, trade

_CLAIM = """
INSERT INTO negative_claims (instrument_id, data_set, what_to_show, session_date, span, state, reason)
VALUES ($1, 1, $2, $3, tstzrange($4, $5), $6, '') RETURNING 1
"""
_LOST = """
INSERT INTO historical_data_gaps (instrument_id, data_set, what_to_show, state, gap_start, gap_end, gap_type,
    detected_at, lost_at, reason)
VALUES ($1, 1, 'TRADES', 'lost', $2, $3, 'missing_bars', $3, $3, 'refused twice') RETURNING 1
"""

_RENAME = """
WITH former AS (
    INSERT INTO earlier_contract_terms (contract_id, until, contract_symbol, expiration_date, strike_price, option_type,
        multiplier, exchange, trading_class, currency)
    SELECT id, $2, contract_symbol, expiration_date, strike_price, option_type, multiplier, exchange, trading_class,
        currency
    FROM option_chains
    WHERE id = $1
)
UPDATE option_chains SET contract_symbol = $3 WHERE id = $1 RETURNING 1
"""


async def _filled(database: Database) -> Chain:
    """Store five contracts: whole, half, refused, called empty, never asked for; and one that is not selected."""
    chain = await make_chain(database, strikes=6)
    whole, half, refused, empty, _never, other = chain.contracts
    await rows(
        database, "UPDATE option_contract_lifecycle SET selected = '{}' WHERE contract_id = $1 RETURNING 1", other.id
    )
    quotes = [quote(number) for number in range(78)]
    await bar_tables.store(
        database,
        [
            answers(whole, TRADES=answer([trade(3), trade(77)]), BID=answer(quotes), ASK=answer(quotes[:40])),
            answers(
                half,
                TRADES=answer([trade(1), trade(12)], slots=20, settles=False),
                BID=answer(quotes[:10], slots=10),
            ),
            InstrumentAnswers(refused, OPTION_BARS_5MIN, {WhatToShow.TRADES: answer([trade(5)])}, {slot(5): 0}),
            answers(other, TRADES=answer([trade(9)])),
        ],
        1,
    )
    await rows(
        database,
        "UPDATE store.option_bars_5min SET flags = 128, volume = NULL, open = NULL, close = NULL, up = NULL,"
        " down = NULL, vwap_off = NULL, bar_count = NULL WHERE contract_id = $1 RETURNING 1",
        refused.id,
    )
    await rows(
        database,
        "UPDATE store.option_bars_5min SET implied_volatility = 2500, greeks_version = 1"
        " WHERE contract_id = $1 AND time < $2 RETURNING 1",
        whole.id,
        slot(7),
    )
    await rows(database, _CLAIM, empty.id, "ASK", FRIDAY.day, slot(0), FRIDAY.close, "awaiting")
    await rows(database, _CLAIM, empty.id, "TRADES", FRIDAY.day, slot(0), FRIDAY.close, "held")
    await rows(database, _LOST, half.id, slot(70), FRIDAY.close)
    return chain


async def _grid(database: Database, chain: Chain) -> SessionGrid:
    return await session_grid(database, chain.underlying, FRIDAY, OPTION_SERIES)


async def test_cells_by_hand(database: Database) -> None:
    """Each cell has the bits that the rows put into the tables ask for, and nothing else."""
    chain = await _filled(database)
    grid = await _grid(database, chain)
    cells = grid.array()

    assert [one.id for one in grid.contracts] == [one.id for one in chain.contracts]
    assert [one.occ_symbol for one in grid.contracts] == [one.occ_symbol for one in chain.contracts]
    assert [one.selected for one in grid.contracts] == [True] * 5 + [False]
    assert grid.slots == tuple(slot(number) for number in range(78))
    whole, half, refused, empty, never, other = (row.tolist() for row in cells)
    assert whole[3] == Cell.EXPECTED | Cell.QUOTED | Cell.IV | Cell.TRADED
    assert whole[4] == Cell.EXPECTED | Cell.QUOTED | Cell.IV
    assert whole[7] == Cell.EXPECTED | Cell.QUOTED
    assert whole[40:] == [Cell.EXPECTED] * 37 + [Cell.EXPECTED | Cell.TRADED]
    open_ = Cell.EXPECTED | Cell.UNSETTLED
    assert half[1] == open_ | Cell.TRADED, "traded, though it is not final"
    assert half[2] == open_ | Cell.UNKNOWN
    assert half[12] == open_ | Cell.TRADED
    assert refused[5] == open_ | Cell.UNKNOWN | Cell.QUARANTINED
    assert refused[6] == open_, "settled without a trade; its quotes were never asked for"
    assert set(empty) == {open_ | Cell.UNKNOWN | Cell.AWAITING}
    assert set(never) == {open_ | Cell.UNKNOWN}
    assert other == [0] * 9 + [Cell.TRADED] + [0] * 68
    assert grid.contracts[0].unsettled == {}
    assert grid.contracts[1].unsettled == {WhatToShow.TRADES: 78, WhatToShow.BID: 68, WhatToShow.ASK: 78}
    assert [one.lost for one in grid.contracts] == [0, 8, 0, 0, 0, 0]
    assert [one.awaiting for one in grid.contracts] == [0, 0, 0, 78, 0, 0]


async def test_cells_agree_with_every_other_reader(database: Database) -> None:
    """Verdicts are those of reports, counts those of the status, what is not final what a run would ask for."""
    chain = await _filled(database)
    grid = await _grid(database, chain)
    cells, selected = grid.array(), chain.contracts[:5]

    verdicts = await report_rows.verdicts(database, selected, FRIDAY.span)
    for row, (_, told) in zip(cells[:5], verdicts, strict=True):
        assert [
            Verdict.TRADED if one & Cell.TRADED else Verdict.UNKNOWN if one & Cell.UNKNOWN else Verdict.NO_TRADE
            for one in row.tolist()
        ] == told
    measured = await session_statistics.measure(database, OPTION_BARS_5MIN, chain.underlying.id, FRIDAY, OPTION_SERIES)
    assert grid.count(Cell.EXPECTED) == measured.slots
    assert grid.count(Cell.TRADED) == measured.traded
    assert grid.count(Cell.UNKNOWN) == measured.unknown
    assert grid.count(Cell.EXPECTED, without=Cell.TRADED | Cell.UNKNOWN) == measured.no_trade
    assert sum(sum(one.unsettled.values()) for one in grid.contracts) == measured.expected - measured.settled
    assert sum(one.awaiting for one in grid.contracts) == measured.awaiting
    open_ = await coverage_table.missing(
        database, OPTION_BARS_5MIN, chain.underlying.id, [FRIDAY], OPTION_SERIES, Asks.NOT_SETTLED
    )
    lacking = np.zeros((6, 78), np.bool_)
    row_of = {contract.id: row for row, contract in enumerate(chain.contracts)}
    for one in open_:
        for span in one.missing:
            first, end = ((at - FRIDAY.open) // timedelta(minutes=5) for at in (span.start, span.end))
            lacking[row_of[one.instrument_id], first:end] = True
    lacking[1, 70:] = True  # lost: a run does not ask for it again
    assert ((cells & Cell.UNSETTLED > 0) == lacking).all()


async def test_after_a_split_a_name_leads_to_the_contract_that_bore_it(database: Database) -> None:
    """Each row of a grid and of a chain tells what its contract is called now, whoever bears its old symbol by now."""
    chain = await make_chain(database, strikes=2)
    low, high = chain.contracts
    halved = f"PLTR  {low.expiration:%y%m%d}C00050500"
    for contract, symbol in ((low, halved), (high, low.occ_symbol)):
        await rows(database, _RENAME, contract.id, FRIDAY.close + timedelta(days=1), symbol)
    grid = await _grid(database, chain)
    in_slot = await chains.in_slot(database, chain.underlying.id, slot(0))

    assert [(one.id, one.occ_symbol, one.present_symbol) for one in grid.contracts] == [
        (low.id, low.occ_symbol, halved),
        (high.id, high.occ_symbol, low.occ_symbol),
    ]
    assert [(row["contract_id"], row["contract_symbol"], row["present_symbol"]) for row in in_slot] == [
        (one.id, one.occ_symbol, one.present_symbol) for one in grid.contracts
    ]
    head = json.loads(grid_files.of_session(grid, FRIDAY.close).partition(b"\n")[0])
    assert head["renamed"] == {low.occ_symbol: halved, high.occ_symbol: low.occ_symbol}


@pytest.mark.parametrize("series", [(), OPTION_SERIES])
async def test_a_symbol_without_contracts_has_an_empty_grid(database: Database, series: tuple[WhatToShow, ...]) -> None:
    """Before the first chain is read, and where no options are collected, a grid has slots and no rows."""
    chain = await make_chain(database, strikes=2 if not series else 0)
    grid = await session_grid(database, chain.underlying, FRIDAY, series)

    assert (grid.contracts, grid.cells, len(grid.slots)) == ((), b"", 78)


async def test_a_kept_grid_is_read_again_when_anything_changes(database: Database) -> None:
    """Asked twice it is the same one; new bars, a new selection and other series make another."""
    chain = await _filled(database)
    grids = SessionGrids()
    first = await grids.of(database, chain.underlying, FRIDAY, OPTION_SERIES)
    assert await grids.of(database, chain.underlying, FRIDAY, OPTION_SERIES) is first
    assert first == await _grid(database, chain)

    await bar_tables.store(database, [answers(chain.contracts[4], TRADES=answer([trade(2)]))], 2)
    second = await grids.of(database, chain.underlying, FRIDAY, OPTION_SERIES)
    assert second.array()[4, 2] & Cell.TRADED
    await lifecycle.select(database, [chain.contracts[5].id], FRIDAY.day)
    third = await grids.of(database, chain.underlying, FRIDAY, OPTION_SERIES)
    assert third.contracts[5].selected
    alone = await grids.of(database, chain.underlying, FRIDAY, (WhatToShow.TRADES,))
    assert set(alone.contracts[1].unsettled) == {WhatToShow.TRADES}
