"""Ids are for ever: an instrument keeps its own whatever numbers its source gives it, and these are on record."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from collector.db.bars import bar_tables
from collector.db.connection.pool import Database
from collector.db.contracts import contract_tables
from collector.db.contracts.contract_tables import Stored
from collector.domain.errors import ContractIdsExhausted
from collector.domain.market_data.instruments import OptionContract, Right, Underlying
from tests.support.db_rows import (
    BLOCK,
    BLOCKS,
    EXPIRATION,
    FRIDAY,
    answer,
    answers,
    fill_blocks,
    picture,
    put_in,
    rows,
    trade,
)

SEEN = FRIDAY.open
LATER = EXPIRATION + timedelta(days=28)
CALL = OptionContract("PLTR", 7, EXPIRATION, Decimal(100), Right.CALL, trading_class="PLTR")
OF_EARLIER = (
    "SELECT instrument_id, source, source_id, since, until FROM earlier_source_ids ORDER BY instrument_id, since"
)


async def stored(db: Database, underlying: Underlying, *listed: OptionContract, days: int = 0) -> Stored:
    """Store what IB lists for the first one's expiration, some days after Friday's open."""
    expiration, seen_at = listed[0].expiration, SEEN + timedelta(days=days)
    return await contract_tables.store_expiration(db, underlying.id, expiration, listed, seen_at=seen_at)


async def all_ids(db: Database, source_ids: Sequence[int]) -> list[object]:
    """Return the ids of the contracts that have these numbers now, None where none has."""
    found = await rows(
        db,
        "SELECT id FROM unnest($1::int[]) WITH ORDINALITY AS given (number, place)"
        " LEFT JOIN option_chains ON ib_con_id = number ORDER BY place",
        source_ids,
    )
    return [row[0] for row in found]


async def two_underlyings(db: Database) -> tuple[Underlying, Underlying]:
    """Store PLTR and TSLA, whose ids follow each other."""
    return (
        await contract_tables.add_underlying(db, Underlying("PLTR", 444857009)),
        await contract_tables.add_underlying(db, Underlying("TSLA", 76792991)),
    )


async def test_a_full_block_is_followed_by_the_next_free_one(database: Database) -> None:
    """With the last id of its block taken, an underlying goes on in a block that nobody has, and stays there."""
    first, second = await two_underlyings(database)
    await stored(database, second, replace(CALL, symbol="TSLA", source_id=50))
    await put_in(database, (first.id + 1) * BLOCK - 1, first.id)

    assert await stored(database, first, CALL) == Stored(seen=1, new=1)
    assert await stored(database, first, replace(CALL, source_id=8, expiration=LATER)) == Stored(seen=1, new=1)
    assert await stored(database, second, replace(CALL, symbol="TSLA", source_id=51, expiration=LATER)) == Stored(1, 1)

    free = (second.id + 1) * BLOCK
    assert await all_ids(database, [7, 8]) == [free + 1, free + 2]
    assert await all_ids(database, [50, 51]) == [second.id * BLOCK + 1, second.id * BLOCK + 2]


async def test_what_does_not_fit_into_the_rest_of_a_block_begins_the_next(database: Database) -> None:
    """Contracts that come together lie together; the rest of the block goes to fewer ones that come later."""
    underlying = await contract_tables.add_underlying(database, Underlying("PLTR", 444857009))
    free = (underlying.id + 1) * BLOCK
    await put_in(database, free - 3, underlying.id)

    await stored(database, underlying, *(replace(CALL, source_id=n, strike=Decimal(100 + n)) for n in (1, 2, 3)))
    await stored(database, underlying, replace(CALL, source_id=4, expiration=LATER))

    assert await all_ids(database, [1, 2, 3, 4]) == [free + 1, free + 2, free + 3, free - 2]


async def test_adopted_contracts_lie_where_they_lie(database: Database) -> None:
    """An underlying goes on above its own adopted ids, and leaves a block that ends with another's to it."""
    first, second = await two_underlyings(database)
    await put_in(database, first.id * BLOCK + 5, first.id)
    await put_in(database, second.id * BLOCK + 5, first.id)

    await stored(database, first, CALL)
    await stored(database, second, replace(CALL, symbol="TSLA", source_id=50))

    assert await all_ids(database, [7, 50]) == [first.id * BLOCK + 6, (second.id + 1) * BLOCK + 1]


async def test_ids_go_round_from_the_last_block_to_the_first(database: Database) -> None:
    """The highest id lies below 2^31; beyond the last block comes the first one that is free."""
    await rows(database, "SELECT setval(pg_get_serial_sequence('underlying_securities', 'id'), $1)", BLOCKS - 2)
    underlying = await contract_tables.add_underlying(database, Underlying("PLTR", 444857009))
    assert underlying.id == BLOCKS - 1
    await put_in(database, BLOCKS * BLOCK - 1, underlying.id)
    await put_in(database, 1, underlying.id)

    await stored(database, underlying, CALL)

    assert await all_ids(database, [7]) == [2]
    assert BLOCKS * BLOCK < 2**31


async def test_two_underlyings_that_begin_a_block_at_the_same_moment(database: Database) -> None:
    """Both of their blocks are full, both go for the next free one: one gets it, the other the block after it."""
    first, second = await two_underlyings(database)
    for underlying in (first, second):
        await put_in(database, (underlying.id + 1) * BLOCK - 1, underlying.id)

    with database.patience(60):
        await asyncio.gather(
            stored(database, first, CALL), stored(database, second, replace(CALL, symbol="TSLA", source_id=50))
        )

    free = (second.id + 1) * BLOCK
    assert set(await all_ids(database, [7, 50])) == {free + 1, free + BLOCK + 1}


async def test_no_block_is_free(database: Database) -> None:
    """With every block taken by others the error names the symbol, and nothing is stored; what is known stays."""
    first, second = await two_underlyings(database)
    await stored(database, second, replace(CALL, symbol="TSLA", source_id=50))
    await fill_blocks(database, first.id)

    more = replace(CALL, symbol="TSLA", source_id=51, strike=Decimal(105))
    with pytest.raises(ContractIdsExhausted, match="TSLA has 1 new contract") as caught:
        await stored(database, second, replace(CALL, symbol="TSLA", source_id=50), more)

    assert (caught.value.symbol, caught.value.contracts) == ("TSLA", 1)
    assert "another database" in caught.value.hint
    assert await all_ids(database, [51]) == [None]
    assert await stored(database, second, replace(CALL, symbol="TSLA", source_id=50)) == Stored(seen=1, new=0)


async def test_a_contract_that_gets_another_number_stays_the_same(database: Database) -> None:
    """Listed under a new number and no more under the old one it keeps id and bars; each number has its dates."""
    underlying = await contract_tables.add_underlying(database, Underlying("PLTR", 444857009))
    await stored(database, underlying, CALL, replace(CALL, source_id=9, right=Right.PUT))
    (before,) = [c for c in await listed(database, underlying) if c.right is Right.CALL]
    await bar_tables.store(database, [answers(before, TRADES=answer([trade(0)]))], 1)
    bars = await picture(database, before)

    put = replace(CALL, source_id=9, right=Right.PUT)
    assert await stored(database, underlying, replace(CALL, source_id=70), put, days=1) == Stored(seen=2, new=0)
    assert await stored(database, underlying, replace(CALL, source_id=71), put, days=2) == Stored(seen=2, new=0)

    (after,) = [c for c in await listed(database, underlying) if c.right is Right.CALL]
    assert after == replace(before, source_id=71)
    assert await picture(database, after) == bars
    day = timedelta(days=1)
    assert await rows(database, OF_EARLIER) == [
        (before.id, "ib", 7, SEEN, SEEN + day),
        (before.id, "ib", 70, SEEN + day, SEEN + 2 * day),
    ]

    recycled = replace(CALL, expiration=LATER)
    assert await stored(database, underlying, recycled, days=3) == Stored(seen=1, new=1)
    assert before.id not in await all_ids(database, [7])


async def test_a_contract_that_vanished_comes_back_under_another_number(database: Database) -> None:
    """Days after it was last listed it is still the contract of its OCC symbol, class, multiplier and exchange."""
    underlying = await contract_tables.add_underlying(database, Underlying("PLTR", 444857009))
    other = replace(CALL, source_id=8, strike=Decimal(105))
    await stored(database, underlying, CALL, other)
    [contract_id] = await all_ids(database, [7])
    assert await stored(database, underlying, other, days=1) == Stored(seen=1, new=0, vanished=1)

    assert await stored(database, underlying, other, replace(CALL, source_id=70), days=2) == Stored(seen=2, new=0)

    assert await all_ids(database, [70, 7]) == [contract_id, None]


@pytest.mark.parametrize(
    "terms",
    [{"trading_class": "PLTR1"}, {"multiplier": 10}, {"exchange": "CBOE"}, {"strike": Decimal(101)}],
    ids=lambda terms: next(iter(terms)),
)
async def test_other_terms_are_another_contract(database: Database, terms: dict[str, object]) -> None:
    """A new number with another class, multiplier, exchange or strike is another contract; the old one vanishes."""
    underlying = await contract_tables.add_underlying(database, Underlying("PLTR", 444857009))
    await stored(database, underlying, CALL)

    another = replace(CALL, source_id=70, **terms)  # type: ignore[arg-type]  # each is a field's own
    assert await stored(database, underlying, another, days=1) == Stored(seen=1, new=1, vanished=1)

    assert len(set(await all_ids(database, [7, 70])) - {None}) == 2
    assert await rows(database, OF_EARLIER) == []


async def test_two_contracts_of_one_strike_stay_two(database: Database) -> None:
    """Listed at the same time under different numbers they are two, also when one of them is listed no more."""
    underlying = await contract_tables.add_underlying(database, Underlying("PLTR", 444857009))
    await stored(database, underlying, CALL)
    twin = replace(CALL, source_id=70)

    assert await stored(database, underlying, CALL, twin, days=1) == Stored(seen=2, new=1)
    both = await all_ids(database, [7, 70])
    assert len(set(both)) == 2
    assert await stored(database, underlying, twin, days=2) == Stored(seen=1, new=0, vanished=1)

    assert await all_ids(database, [7, 70]) == both
    assert await rows(database, OF_EARLIER) == []


async def test_a_recycled_number_does_not_revive_the_old_contract(database: Database) -> None:
    """An expired contract keeps terms, id and bars when its number goes to another; that one is new."""
    underlying = await contract_tables.add_underlying(database, Underlying("PLTR", 444857009))
    await stored(database, underlying, CALL)
    (old,) = await listed(database, underlying)
    await bar_tables.store(database, [answers(old, TRADES=answer([trade(0)]))], 1)
    bars = await picture(database, old)

    new = replace(CALL, expiration=LATER, strike=Decimal(120))
    assert await stored(database, underlying, new, days=9) == Stored(seen=1, new=1)

    kept = (await contract_tables.by_ids(database, [old.id]))[old.id]
    assert kept == replace(old, source_id=-old.id)
    assert await picture(database, kept) == bars
    assert [(one.source_id, one.strike) for one in await listed(database, underlying, LATER)] == [(7, Decimal(120))]
    assert await rows(database, OF_EARLIER) == [(old.id, "ib", 7, SEEN, SEEN + timedelta(days=9))]
    lives = "SELECT last_seen FROM option_contract_lifecycle WHERE contract_id = $1"
    assert await rows(database, lives, old.id) == [(FRIDAY.day,)]


async def test_a_number_that_goes_from_a_call_to_a_put(database: Database) -> None:
    """No corporate action does that: the put is new, and the call goes on under its own new number."""
    underlying = await contract_tables.add_underlying(database, Underlying("PLTR", 444857009))
    await stored(database, underlying, CALL)
    [call_id] = await all_ids(database, [7])

    put = replace(CALL, right=Right.PUT)
    assert await stored(database, underlying, put, replace(CALL, source_id=70), days=1) == Stored(seen=2, new=1)

    assert await all_ids(database, [70]) == [call_id]
    assert [one.right for one in await listed(database, underlying) if one.source_id == 7] == [Right.PUT]
    assert [row[:3] for row in await rows(database, OF_EARLIER)] == [(call_id, "ib", 7)]


@pytest.mark.parametrize("terms", [{"strike": Decimal(50)}, {"expiration": EXPIRATION + timedelta(days=1)}])
async def test_corrected_terms_of_a_living_contract(database: Database, terms: dict[str, object]) -> None:
    """A split or a corrected date under the same number is the same contract, and no earlier number is noted."""
    underlying = await contract_tables.add_underlying(database, Underlying("PLTR", 444857009))
    await stored(database, underlying, CALL)
    before = await all_ids(database, [7])

    assert await stored(database, underlying, replace(CALL, **terms)) == Stored(seen=1, new=0)  # type: ignore[arg-type]

    assert await all_ids(database, [7]) == before
    assert await rows(database, OF_EARLIER) == []


async def test_an_underlying_that_gets_another_number_stays_the_same(database: Database) -> None:
    """The symbol's underlying keeps its id, the number before is kept with its dates, and there is one row."""
    noon = datetime(2026, 11, 20, 17, tzinfo=UTC)
    first = await contract_tables.add_underlying(database, Underlying("PLTR", 1))
    await rows(database, "UPDATE underlying_securities SET created_at = $1 RETURNING id", noon)

    second = await contract_tables.add_underlying(database, Underlying("PLTR", 2))
    await contract_tables.add_underlying(database, Underlying("PLTR", 2))
    third = await contract_tables.add_underlying(database, Underlying("PLTR", 3))

    assert first.id == second.id == third.id
    assert await contract_tables.underlyings(database) == [third]
    (one, other) = await rows(database, OF_EARLIER)
    assert one[:4] == (first.key, "ib", 1, noon)
    assert other[:4] == (first.key, "ib", 2, one[4])


async def test_an_adopted_underlying_takes_its_number(database: Database) -> None:
    """Adopted without a number it keeps its id when IB defines it; the placeholder is no earlier number."""
    adopted = await contract_tables.add_underlying(database, Underlying("PLTR", -1))
    assert not adopted.is_defined

    defined = await contract_tables.add_underlying(database, Underlying("PLTR", 444857009))

    assert (defined.id, defined.is_defined) == (adopted.id, True)
    assert await rows(database, OF_EARLIER) == []


async def test_a_number_that_goes_to_another_ticker_is_kept(database: Database) -> None:
    """Whoever had the number waits without one; both underlyings' earlier numbers are on record."""
    fund = await contract_tables.add_underlying(database, Underlying("META", 494384293))
    company = await contract_tables.add_underlying(database, Underlying("FB", 107113386))

    await contract_tables.add_underlying(database, Underlying("META", 107113386))

    earlier = [row[:3] for row in await rows(database, OF_EARLIER)]
    assert earlier == [(company.key, "ib", 107113386), (fund.key, "ib", 494384293)]


async def test_an_index_is_not_collected_until_somebody_asks(database: Database) -> None:
    """Stored for its levels only it is not among the active ones; collected once, it stays so."""
    index = Underlying("VIX", 13455763, sec_type="IND", exchange="CBOE")
    await contract_tables.add_underlying(database, index, collected=False)
    assert await contract_tables.underlyings(database) == []

    await contract_tables.add_underlying(database, index)
    again = await contract_tables.add_underlying(database, index, collected=False)

    assert await contract_tables.underlyings(database) == [again]


async def test_every_instrument_has_one_row(database: Database) -> None:
    """The view `instruments` has contracts by their ids and underlyings below zero, with source and calendar."""
    underlying = await contract_tables.add_underlying(database, Underlying("PLTR", 444857009))
    await stored(database, underlying, CALL)
    (contract,) = await listed(database, underlying)

    found = await rows(
        database,
        "SELECT id, kind, source, source_id, symbol, underlying_id, calendar, currency FROM instruments ORDER BY id",
    )

    assert found == [
        (underlying.key, "underlying", "ib", 444857009, "PLTR", underlying.id, "XNYS", "USD"),
        (contract.key, "option", "ib", 7, "PLTR", underlying.id, "XNYS", "USD"),
    ]
    assert underlying.key < 0 < contract.key


async def listed(db: Database, underlying: Underlying, expiration: date = EXPIRATION) -> list[OptionContract]:
    """Return what is listed for an expiration."""
    return await contract_tables.listed(db, underlying.id, expiration, expiration)
