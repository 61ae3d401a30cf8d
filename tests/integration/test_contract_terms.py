"""A contract whose terms change keeps those of before readable, with their dates; old bars say theirs."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from collector.db.bars import bar_tables
from collector.db.connection.pool import Database
from collector.db.contracts import contract_tables
from collector.domain.market_data.instruments import OptionContract, Right, Underlying
from tests.support.db_rows import EXPIRATION, FRIDAY, answer, answers, rows, trade

CALL = OptionContract("PLTR", 7, EXPIRATION, Decimal(100), Right.CALL, trading_class="PLTR")
SEEN = FRIDAY.open - timedelta(days=2)
TERMS = "SELECT since, until, contract_symbol, strike_price, multiplier FROM contract_terms ORDER BY until NULLS LAST"


async def told(db: Database, underlying: Underlying, contract: OptionContract, days: float) -> None:
    """Let the source list a contract, so many days after it was seen first."""
    seen_at = SEEN + timedelta(days=days)
    await contract_tables.store_expiration(db, underlying.id, contract.expiration, [contract], seen_at=seen_at)


async def test_terms_before_a_split_stay_with_their_dates(database: Database) -> None:
    """Strike, OCC symbol and multiplier of before stand beside the present ones; what is told again adds nothing."""
    underlying = await contract_tables.add_underlying(database, Underlying("PLTR", 444857009))
    split, again = replace(CALL, strike=Decimal(50)), replace(CALL, strike=Decimal(25), multiplier=400)
    for contract, days in ((CALL, 0), (CALL, 1), (split, 2), (split, 3), (again, 4)):
        await told(database, underlying, contract, days)

    second, fourth = SEEN + timedelta(days=2), SEEN + timedelta(days=4)
    assert await rows(database, TERMS) == [
        (None, second, "PLTR  261123C00100000", Decimal(100), 100),
        (second, fourth, "PLTR  261123C00050000", Decimal(50), 100),
        (fourth, None, "PLTR  261123C00025000", Decimal(25), 400),
    ]
    assert await rows(database, "SELECT strike_price FROM option_chains") == [(Decimal(25),)]


async def test_a_corrected_day_is_kept_too(database: Database) -> None:
    """Whatever of the terms differs: the day on which it was said to expire stays readable."""
    underlying = await contract_tables.add_underlying(database, Underlying("PLTR", 444857009))
    await told(database, underlying, CALL, 0)
    await told(database, underlying, replace(CALL, expiration=EXPIRATION + timedelta(days=1)), 1)

    found = await rows(database, "SELECT expiration_date FROM contract_terms ORDER BY until NULLS LAST")

    assert found == [(EXPIRATION,), (date(2026, 11, 24),)]


async def test_terms_that_change_twice_at_one_instant(database: Database) -> None:
    """What stood between had no time: the first and the last stay, and nothing fails."""
    underlying = await contract_tables.add_underlying(database, Underlying("PLTR", 444857009))
    for strike, days in ((100, 0), (50, 1), (25, 1)):
        await told(database, underlying, replace(CALL, strike=Decimal(strike)), days)

    assert await rows(database, "SELECT strike_price FROM contract_terms ORDER BY until NULLS LAST") == [
        (Decimal(100),),
        (Decimal(25),),
    ]


async def test_bars_say_the_symbol_of_their_time(database: Database) -> None:
    """A bar from before the split has the symbol and strike of then in the view, one from after it today's."""
    underlying = await contract_tables.add_underlying(database, Underlying("PLTR", 444857009))
    await told(database, underlying, CALL, 0)
    (contract,) = await contract_tables.listed(database, underlying.id, EXPIRATION, EXPIRATION)
    await bar_tables.store(database, [answers(contract, TRADES=answer([trade(0), trade(3)]))], 1)
    between = (FRIDAY.open + timedelta(minutes=10) - SEEN) / timedelta(days=1)
    await told(database, underlying, replace(CALL, strike=Decimal(50)), between)

    found = await rows(database, "SELECT contract_symbol, strike_price FROM option_bars ORDER BY time")

    assert found == [("PLTR  261123C00100000", Decimal(100)), ("PLTR  261123C00050000", Decimal(50))]
    joined = await rows(
        database,
        "SELECT terms.strike_price FROM option_bars AS bar JOIN contract_terms AS terms"
        " ON terms.contract_id = bar.contract_id AND (terms.since IS NULL OR terms.since <= bar.time)"
        " AND (terms.until IS NULL OR terms.until > bar.time) ORDER BY bar.time",
    )
    assert joined == [(Decimal(100),), (Decimal(50),)]


async def test_a_recycled_number_leaves_no_terms(database: Database) -> None:
    """An expired contract whose number goes to another keeps its terms; the other one has none of before."""
    underlying = await contract_tables.add_underlying(database, Underlying("PLTR", 444857009))
    await told(database, underlying, CALL, 0)
    await told(database, underlying, replace(CALL, expiration=EXPIRATION + timedelta(days=28)), 9)

    assert await rows(database, "SELECT count(*) FROM earlier_contract_terms") == [(0,)]
