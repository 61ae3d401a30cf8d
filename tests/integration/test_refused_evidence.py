"""A bar that cannot be true: its slot is unknown and asked for again, and it never becomes "nobody traded"."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from collector.db.bars import bar_tables
from collector.db.bars.bar_tables import InstrumentAnswers
from collector.db.bookkeeping import coverage_table, session_statistics
from collector.db.bookkeeping.requests_table import RequestRecord
from collector.db.connection.pool import Database
from collector.db.readers import report_rows
from collector.domain.market_data.answers import Outcome
from collector.domain.market_data.bars import Bar, whole
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.market_data.instruments import OPTION_SERIES, Instrument, WhatToShow
from collector.domain.market_data.spans import Span, Spans
from collector.domain.quality.bounds import (
    MOST_TRADES,
    OPTION_PRICE,
    OPTION_VOLUME,
    UNDERLYING_PRICE,
    UNDERLYING_VOLUME,
    VOLATILITY,
    Bound,
)
from collector.domain.quality.flags import SlotFlag
from collector.domain.run_vocabulary import Asks, Verdict
from collector.runs.fetching.judging import examined
from tests.support.db_rows import FRIDAY, Chain, T, answer, answers, make_chain, quote, rows, slot, trade
from tests.support.slots import data_set_of

SENT = FRIDAY.settles_at + timedelta(minutes=5)
QUARANTINED = int(SlotFlag.TRADE_QUARANTINED)
BARS = "SELECT time, close, volume, bid_close, flags, has_gaps, data_source FROM option_bars_5min ORDER BY time"
REFUSED = Spans((Span(slot(3), slot(4)),))


def spoilt(number: int = 3, volume: str = "500") -> Bar:
    """Return a trade whose high lies below its low."""
    return trade(number, volume=volume)._replace(high=whole("1.00"), low=whole("1.50"))


def judged(given: InstrumentAnswers) -> InstrumentAnswers:
    """Return the answers of Friday's session without the bars that cannot be true."""
    return examined(given, [FRIDAY])


def brought(
    instrument: Instrument, *trades: Bar, sent_at: datetime = SENT, quotes: bool = True, what: WhatToShow = T
) -> InstrumentAnswers:
    """Return the judged answers of a whole settled session, with quotes in slots 3 and 4."""
    series = {what.name: answer(trades)}
    if quotes:
        series |= {name: answer([quote(3), quote(4)]) for name in ("BID", "ASK")}
    asked = RequestRecord(instrument, data_set_of(instrument), what, FRIDAY.span, sent_at, sent_at, Outcome.BARS)
    return judged(replace(answers(instrument, **series), requests=(asked,)))


async def verdicts(db: Database, chain: Chain) -> tuple[int, int, int]:
    """Return how many slots of Friday are traded, without a trade, unknown; statistics and report agree."""
    found = await session_statistics.measure(db, OPTION_BARS_5MIN, chain.underlying.id, FRIDAY, OPTION_SERIES)
    told = [verdict for _, row in await report_rows.verdicts(db, chain.contracts, FRIDAY.span) for verdict in row]
    counted = (found.traded, found.no_trade, found.unknown)
    assert tuple(map(told.count, (Verdict.TRADED, Verdict.NO_TRADE, Verdict.UNKNOWN))) == counted
    return counted


async def missing(db: Database, chain: Chain) -> list[tuple[WhatToShow, Spans]]:
    """Return what the evening still asks for."""
    lacking = await coverage_table.missing(
        db, OPTION_BARS_5MIN, chain.underlying.id, [FRIDAY], OPTION_SERIES, Asks.NOT_SETTLED
    )
    return [(one.what_to_show, one.missing) for one in lacking]


async def test_a_refused_trade_is_unknown_then_asked_again_then_traded(database: Database) -> None:
    """High below low with volume 500: NULL, not 0; the slot alone is missing; the true bar clears it."""
    chain = await make_chain(database, 1)
    (contract,) = chain.contracts

    await bar_tables.store(database, [brought(contract, trade(0), spoilt())], 1)

    found = await rows(database, BARS)
    bid = Decimal("1.2000")
    assert found == [
        (slot(0), Decimal("1.2500"), 10, None, 0, False, "TRADES"),
        (slot(3), None, None, bid, QUARANTINED, True, "BID_ASK"),
        (slot(4), None, 0, bid, 0, False, "BID_ASK"),
    ]
    assert await missing(database, chain) == [(T, REFUSED)]
    assert await verdicts(database, chain) == (1, 76, 1)

    again = answers(contract, TRADES=bar_tables.SeriesAnswer((trade(3, volume="500"),), REFUSED, REFUSED))
    await bar_tables.store(database, [again], 2)

    assert (await rows(database, BARS))[1] == (slot(3), Decimal("1.2500"), 500, bid, 0, False, "TRADES")
    assert await missing(database, chain) == []
    assert await verdicts(database, chain) == (2, 76, 0)


async def test_a_slot_without_quotes_gets_a_row_that_says_so(database: Database) -> None:
    """Nothing but the refused trade is known of the slot: a row without prices bears the flag."""
    contract = (await make_chain(database, 1)).contracts[0]

    await bar_tables.store(database, [brought(contract, spoilt(7), quotes=False)], 1)

    assert await rows(database, BARS) == [(slot(7), None, None, None, QUARANTINED, True, "BID_ASK")]


@pytest.mark.parametrize(("minutes", "settles"), [(0, False), (29, False), (30, True)])
async def test_the_same_bar_half_an_hour_later_settles_its_slot(
    database: Database, minutes: int, settles: bool
) -> None:
    """Sent 30 minutes later it is a second witness; the slot stays flagged, its volume and its verdict unknown."""
    chain = await make_chain(database, 1)
    (contract,) = chain.contracts
    await bar_tables.store(database, [brought(contract, trade(0), spoilt())], 1)

    for _ in range(2):  # stored again because nobody knew that it was: nothing changes
        later = brought(contract, trade(0), spoilt(), sent_at=SENT + timedelta(minutes=minutes))
        await bar_tables.store(database, [later], 2)

    assert await missing(database, chain) == ([] if settles else [(T, REFUSED)])
    (row,) = [row for row in await rows(database, BARS) if row[0] == slot(3)]
    assert row[1:3] == (None, None)
    assert row[4:6] == (QUARANTINED, not settles)
    assert await verdicts(database, chain) == (1, 76, 1)


async def test_another_bad_bar_is_no_second_witness(database: Database) -> None:
    """An hour later the bar is impossible in another way: the new one is kept, and waits for its own confirmation."""
    chain = await make_chain(database, 1)
    (contract,) = chain.contracts
    await bar_tables.store(database, [brought(contract, spoilt())], 1)

    later = SENT + timedelta(hours=1)
    await bar_tables.store(database, [brought(contract, spoilt(volume="501"), sent_at=later)], 2)

    assert await missing(database, chain) == [(T, REFUSED)]
    kept = await rows(database, "SELECT volume, seen, sent_at, run_id FROM quarantined_bars")
    assert kept == [(Decimal(501), 1, later, 2)]
    await bar_tables.store(
        database, [brought(contract, spoilt(volume="501"), sent_at=later + timedelta(minutes=30))], 3
    )
    assert await missing(database, chain) == []


async def test_an_answer_without_the_bar_takes_it_back(database: Database) -> None:
    """Asked again, the source has no bar for the slot any more: nobody traded, and nothing is flagged."""
    chain = await make_chain(database, 1)
    (contract,) = chain.contracts
    await bar_tables.store(database, [brought(contract, trade(0), spoilt())], 1)

    await bar_tables.store(database, [brought(contract, trade(0))], 2)

    (row,) = [row for row in await rows(database, BARS) if row[0] == slot(3)]
    assert (row[2], row[4], row[5]) == (0, 0, False)
    assert await verdicts(database, chain) == (1, 77, 0)


async def test_a_bad_bar_takes_back_no_trade(database: Database) -> None:
    """A forced run brings an impossible trade where nobody was said to trade: unknown again, and asked for again."""
    chain = await make_chain(database, 1)
    (contract,) = chain.contracts
    await bar_tables.store(database, [brought(contract, trade(0))], 1)
    assert await verdicts(database, chain) == (1, 77, 0)

    await bar_tables.store(database, [brought(contract, trade(0), spoilt())], 2)

    assert await missing(database, chain) == [(T, REFUSED)]
    assert await verdicts(database, chain) == (1, 76, 1)


async def test_a_stored_value_outlives_a_bad_bar(database: Database) -> None:
    """What has settled with a value stays so, unflagged, when a later answer has a bar that cannot be true.

    Drawn for a look at what was settled, on a contract's last evening: unsettled, it would be lost for a lie.
    """
    chain = await make_chain(database, 1)
    (contract,) = chain.contracts
    await bar_tables.store(database, [brought(contract, trade(3))], 1)

    await bar_tables.store(database, [brought(contract, spoilt())], 2)

    (row,) = [row for row in await rows(database, BARS) if row[0] == slot(3)]
    assert row[1:5] == (Decimal("1.2500"), 10, Decimal("1.2000"), 0)
    assert await missing(database, chain) == []
    assert await rows(database, "SELECT count(*) FROM quarantined_bars") == [(1,)]


@pytest.mark.parametrize(("settles", "kept"), [(True, True), (False, False)])
async def test_an_underlyings_value_outlives_a_bad_bar(database: Database, settles: bool, kept: bool) -> None:
    """The same goes for an underlying; a value that has not settled is asked for again."""
    chain = await make_chain(database, 1)
    first = answers(chain.underlying, TRADES=answer([trade(3)], settles=settles))
    await bar_tables.store(database, [first], 1)
    bad = answers(chain.underlying, TRADES=answer([spoilt()], settles=settles))
    await bar_tables.store(database, [judged(bad)], 2)
    (covered,) = await rows(database, "SELECT covered @> $1::timestamptz FROM request_coverage", slot(3))
    assert covered == (kept,)


async def test_an_off_grid_bar_refuses_the_slot_that_it_lies_in(database: Database) -> None:
    """A minute late, it costs slot 3 and no other; beside a true bar of the same slot it costs nothing."""
    chain = await make_chain(database, 1)
    (contract,) = chain.contracts
    late = trade(3)._replace(time=slot(3) + timedelta(seconds=60))

    await bar_tables.store(database, [brought(contract, trade(0), late)], 1)
    assert await missing(database, chain) == [(T, REFUSED)]
    await bar_tables.store(database, [brought(contract, trade(0), trade(3), late)], 2)
    assert await missing(database, chain) == []
    assert await rows(database, "SELECT time, reason FROM quarantined_bars") == [(late.time, "off_grid")]


async def test_quotes_and_underlyings_are_flagged_alike(database: Database) -> None:
    """Each series has a bit of its own, and the underlying's two have theirs."""
    chain = await make_chain(database, 1)
    (contract,) = chain.contracts
    bad = quote(3)._replace(low=whole("-1"))
    given = answers(contract, BID=answer([quote(0), bad]), ASK=answer([quote(0), bad]))
    own = answers(chain.underlying, TRADES=answer([trade(0), spoilt()]), OPTION_IMPLIED_VOLATILITY=answer([bad]))

    await bar_tables.store(database, [judged(given), judged(own)], 1)

    flags = "SELECT flags, has_gaps FROM option_bars_5min WHERE flags <> 0"
    assert await rows(database, flags) == [(SlotFlag.BID_QUARANTINED | SlotFlag.ASK_QUARANTINED, True)]
    flags = "SELECT time, close, flags, has_gaps FROM underlying_bars_5min WHERE flags <> 0"
    both = QUARANTINED | SlotFlag.BID_QUARANTINED
    assert await rows(database, flags) == [(slot(3), None, both, True)]
    true = answers(chain.underlying, TRADES=answer([trade(3)]), OPTION_IMPLIED_VOLATILITY=answer([quote(3, "0.4")]))
    await bar_tables.store(database, [true], 2)
    assert await rows(database, flags) == []


async def test_the_bounds_are_those_of_the_columns(database: Database) -> None:
    """The largest values that the rules let pass are stored and revised, and the smallest positive ones are not 0."""
    chain = await make_chain(database, 1)
    (contract,) = chain.contracts

    def extreme(price: Bound, volume: Bound, side: str) -> Bar:
        value: int = getattr(price, side)
        return Bar(slot(0), value, value, value, value, volume.most, MOST_TRADES, value)

    for number, side in enumerate(("most", "least"), 1):
        own, level = extreme(OPTION_PRICE, OPTION_VOLUME, side), extreme(UNDERLYING_PRICE, UNDERLYING_VOLUME, side)
        wild: int = getattr(VOLATILITY, side)
        volatility = Bar(slot(0), wild, wild, wild, wild)
        of_option = answers(contract, TRADES=answer([own]), BID=answer([own]), ASK=answer([own]))
        of_stock = answers(chain.underlying, TRADES=answer([level]), OPTION_IMPLIED_VOLATILITY=answer([volatility]))
        given = [judged(of_option), judged(of_stock)]
        assert not any(one.quarantined for one in given)
        await bar_tables.store(database, given, number)
    smallest = "SELECT close > 0, bid_close > 0 FROM option_bars_5min"
    assert await rows(database, smallest) == [(True, True)]
    assert await rows(database, "SELECT implied_volatility > 0 FROM underlying_bars_5min") == [(True,)]
    assert await rows(database, "SELECT count(*) FROM bar_revisions") == [(2,)]
