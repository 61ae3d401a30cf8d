"""How far each session of each contract has come, in one byte each."""

from collections.abc import Sequence

import pytest

from collector.db.bars import bar_tables
from collector.db.connection.pool import Database
from collector.db.contracts import lifecycle
from collector.db.readers.contract_states import ContractState, ContractStates
from collector.db.readers.grids import Cell, session_grid
from collector.domain.market_data.instruments import OPTION_SERIES, OptionContract, WhatToShow
from tests.support.db_rows import FRIDAY, MONDAY, Chain, answer, answers, make_chain, quote, rows, slot, trade

_CLAIM = """
INSERT INTO negative_claims (instrument_id, data_set, what_to_show, session_date, span, state, reason)
SELECT $1, 1, what, $2, tstzrange($3, $4), $5, '' FROM unnest(ARRAY['TRADES', 'BID', 'ASK']) AS what RETURNING 1
"""
_LOST = """
INSERT INTO historical_data_gaps (instrument_id, data_set, what_to_show, state, gap_start, gap_end, gap_type,
    detected_at, lost_at, reason)
VALUES ($1, 1, 'ASK', 'lost', $2, $3, 'missing_bars', $3, $3, 'refused twice') RETURNING 1
"""
_REFUSED = """
INSERT INTO quarantined_bars (instrument_id, data_set, what_to_show, time, reason, quarantined_at)
VALUES ($1, 1, 'BID', $2, 'high_below_low', $2) RETURNING 1
"""


async def _whole(database: Database, contracts: Sequence[OptionContract]) -> None:
    every = {what.value: answer([quote(0)] if what is not WhatToShow.TRADES else [trade(0)]) for what in OPTION_SERIES}
    await bar_tables.store(database, [answers(one, **every) for one in contracts], 1)


async def _chain(database: Database) -> Chain:
    """Store seven contracts, one for each state that Friday can be in, all of them never asked for on Monday."""
    chain = await make_chain(database, strikes=7)
    whole, half, never, claimed, lost, refused, other = chain.contracts
    await _whole(database, [whole])
    await bar_tables.store(
        database,
        [answers(one, TRADES=answer([trade(0)]), BID=answer([quote(0)])) for one in (half, lost, refused)],
        1,
    )
    await rows(database, _CLAIM, claimed.id, FRIDAY.day, FRIDAY.open, FRIDAY.close, "awaiting")
    await rows(database, _LOST, lost.id, slot(3), slot(5))
    await rows(
        database,
        "UPDATE request_coverage SET settled = settled - tstzmultirange(tstzrange($2, $3))"
        " WHERE instrument_id = $1 AND what_to_show = 'BID' RETURNING 1",
        refused.id,
        slot(4),
        slot(5),
    )
    await rows(database, _REFUSED, refused.id, slot(4))
    await rows(
        database,
        "UPDATE option_contract_lifecycle SET selected = datemultirange(daterange($2, NULL)) WHERE contract_id = $1"
        " RETURNING 1",
        other.id,
        MONDAY.day,
    )
    assert never.id
    return chain


async def test_states_by_hand(database: Database) -> None:
    """Each contract's session is in the state that its rows say, and the contracts stand in their order."""
    chain = await _chain(database)
    found = await ContractStates().of(database, chain.underlying, [FRIDAY, MONDAY], OPTION_SERIES)

    assert found.sessions == (FRIDAY.day, MONDAY.day)
    assert found.contracts == tuple(one.occ_symbol for one in chain.contracts)
    assert [ContractState(one) for one in found.array()[:, 0]] == [
        ContractState.COMPLETE,
        ContractState.PARTIAL,
        ContractState.NOTHING,
        ContractState.AWAITING,
        ContractState.LOST,
        ContractState.QUARANTINED,
        ContractState.NOT_SELECTED,
    ]
    assert set(found.array()[:, 1]) == {ContractState.NOTHING}
    assert found.counts()[0] == dict.fromkeys(ContractState, 1)


async def test_complete_is_what_the_grid_of_the_session_calls_settled(database: Database) -> None:
    """A contract's session is complete where none of its slots is open, by the session's own grid."""
    chain = await _chain(database)
    found = await ContractStates().of(database, chain.underlying, [FRIDAY, MONDAY], OPTION_SERIES)
    grid = await session_grid(database, chain.underlying, FRIDAY, OPTION_SERIES)

    open_ = {
        one.occ_symbol: bool((row & Cell.UNSETTLED).any())
        for one, row in zip(grid.contracts, grid.array(), strict=True)
    }
    states = dict(zip(found.contracts, found.array()[:, 0], strict=True))
    assert open_ == {
        name: state != ContractState.COMPLETE for name, state in states.items() if state != ContractState.NOT_SELECTED
    }


@pytest.mark.parametrize("change", ["bars", "selection"])
async def test_what_was_counted_is_counted_again_when_it_changes(database: Database, change: str) -> None:
    """New bars and a new selection show at once, and so does nothing else that nobody changed."""
    chain = await _chain(database)
    states = ContractStates()
    before = await states.of(database, chain.underlying, [FRIDAY], OPTION_SERIES)
    same = await states.of(database, chain.underlying, [FRIDAY], OPTION_SERIES)

    if change == "bars":
        await _whole(database, chain.contracts[:6])
    else:
        await lifecycle.select(database, [chain.contracts[6].id], FRIDAY.day)
    after = await states.of(database, chain.underlying, [FRIDAY], OPTION_SERIES)

    assert same is before
    changed = {
        "bars": [ContractState.COMPLETE] * 6,
        "selection": [*before.array()[:, 0], ContractState.NOTHING],
    }
    assert after.array()[:, 0].tolist() == changed[change]


async def test_a_symbol_without_selected_contracts_has_no_rows(database: Database) -> None:
    """Before any contract is selected there are sessions and no rows."""
    chain = await make_chain(database, strikes=1, select_from=MONDAY.day)
    found = await ContractStates().of(database, chain.underlying, [FRIDAY], OPTION_SERIES)

    assert (found.contracts, found.cells, found.sessions) == ((), b"", (FRIDAY.day,))
