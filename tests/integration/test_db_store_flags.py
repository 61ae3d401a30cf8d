"""Flags of stored rows: they follow the values, however the series came."""

import pytest

from collector.db.bars import bar_tables
from collector.db.bars.bar_tables import Counts, InstrumentAnswers
from collector.db.connection.pool import Database
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.market_data.instruments import WhatToShow
from collector.domain.quality.flags import SlotFlag
from tests.support.db_rows import answer, answers, make_chain, quote, rows, slot, trade


async def test_flags_belong_to_their_series(database: Database) -> None:
    """A series' changed bar resets its own byte of the flags and no other; the same bar read again resets nothing."""
    contract = (await make_chain(database)).contracts[0]
    both = {WhatToShow.TRADES: answer([trade(0)]), WhatToShow.BID: answer([quote(0)])}
    await bar_tables.store(database, [InstrumentAnswers(contract, OPTION_BARS_5MIN, both, {slot(0): 2 | 256})], 1)

    assert await bar_tables.store(database, [answers(contract, BID=answer([quote(0)]))], 2) == Counts(identical=1)
    same = await rows(database, "SELECT flags, collection_run_id FROM option_bars_5min")
    await bar_tables.store(database, [answers(contract, BID=answer([quote(0, "1.10")]))], 3)

    assert same == [(2 | 256, 1)]
    assert await rows(database, "SELECT flags FROM option_bars_5min") == [(2,)]


async def test_series_answered_together_are_judged_anew(database: Database) -> None:
    """What all series together show replaces what one of them had shown alone, also when no value has changed."""
    contract = (await make_chain(database)).contracts[0]
    bid = {WhatToShow.BID: answer([quote(0, "1.20")])}
    rest = {WhatToShow.TRADES: answer([trade(0, "1.70")]), WhatToShow.ASK: answer([quote(0, "1.30")])}
    await bar_tables.store(
        database, [InstrumentAnswers(contract, OPTION_BARS_5MIN, bid, {slot(0): int(SlotFlag.BID_JUMP)})], 1
    )
    await bar_tables.store(database, [InstrumentAnswers(contract, OPTION_BARS_5MIN, rest)], 1)
    apart = await rows(database, "SELECT flags FROM option_bars_5min")

    off = {slot(0): int(SlotFlag.TRADE_OFF_QUOTES)}
    await bar_tables.store(database, [InstrumentAnswers(contract, OPTION_BARS_5MIN, {**bid, **rest}, off)], 2)

    assert apart == [(SlotFlag.BID_JUMP,)]
    assert await rows(database, "SELECT flags FROM option_bars_5min") == [(SlotFlag.TRADE_OFF_QUOTES,)]


@pytest.mark.parametrize("grouping", [("BID ASK",), ("BID", "ASK"), ("ASK", "BID"), ("BID ASK", "BID", "ASK")])
async def test_a_crossing_is_flagged_however_its_series_came(database: Database, grouping: tuple[str, ...]) -> None:
    """A bid of 1.50 over an ask of 1.10 is flagged on both sides, and is no more when IB corrects one of them."""
    contract = (await make_chain(database)).contracts[0]
    given = {"BID": answer([quote(0, "1.50"), quote(1)]), "ASK": answer([quote(0, "1.10"), quote(1)])}
    for number, names in enumerate(grouping, 1):
        await bar_tables.store(database, [answers(contract, **{name: given[name] for name in names.split()})], number)
    crossed = await rows(database, "SELECT flags FROM option_bars_5min ORDER BY time")
    again = [await bar_tables.store(database, [answers(contract, **{name: given[name]})], 8) for name in given]

    await bar_tables.store(database, [answers(contract, ASK=answer([quote(0, "1.60")]))], 9)

    assert crossed == [(SlotFlag.BID_CROSSED | SlotFlag.ASK_CROSSED,), (0,)]
    assert again == [Counts(identical=2), Counts(identical=2)]
    assert await rows(database, "SELECT flags FROM option_bars_5min ORDER BY time") == [(0,), (0,)]


async def test_flags_of_one_contract_twice_in_a_batch(database: Database) -> None:
    """Two series of a contract that were judged apart and wait in one batch keep what each of them showed."""
    contract = (await make_chain(database)).contracts[0]
    trades = InstrumentAnswers(contract, OPTION_BARS_5MIN, {WhatToShow.TRADES: answer([trade(0)])}, {slot(0): 2})
    bid = InstrumentAnswers(contract, OPTION_BARS_5MIN, {WhatToShow.BID: answer([quote(0)])}, {slot(0): 256})

    await bar_tables.store(database, [trades, bid], 1)

    assert await rows(database, "SELECT flags FROM option_bars_5min") == [(2 | 256,)]
