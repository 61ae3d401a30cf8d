"""Greeks in the tables: the pass over settled sessions, repeated, interrupted, recomputed, on every engine."""

import asyncio
import math
import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from collector.clock import SystemClock
from collector.config import Settings
from collector.config.greeks_settings import GreeksSettings, RatePoint
from collector.db.bars import bar_tables, quarantine
from collector.db.bars.bar_tables import InstrumentAnswers, SeriesAnswer
from collector.db.connection.pool import Database
from collector.db.contracts import announced_dividends, contract_tables, lifecycle
from collector.domain.market_data.answers import NextDividend
from collector.domain.market_data.bars import Bar, decimal, whole
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN, UNDERLYING_BARS_5MIN
from collector.domain.market_data.instruments import OptionContract, Underlying, WhatToShow
from collector.domain.market_data.sessions import Session
from collector.domain.market_data.spans import Spans
from collector.domain.pricing.reasons import COMPUTED, GreeksReason
from collector.domain.quality.quality_rules import Impossible, Quarantined
from collector.jobs import greeks_pass, verification
from collector.lineage import values
from collector.market.calendar import Calendar
from collector.simulator.market import Dividend, Market, MarketSettings
from tests.support.db_rows import rows
from tests.support.engines import Engine
from tests.support.option_days import bars_of, contract_of
from tests.support.slots import SLOT

DAY, EXPIRATION = date(2026, 11, 20), date(2026, 11, 25)
EVENING = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)
CALENDAR = Calendar()
SETTINGS = GreeksSettings()
SERIES = (WhatToShow.TRADES, WhatToShow.BID, WhatToShow.ASK)

GREEKS = """
SELECT contract_id, time, implied_volatility, delta, gamma, theta, vega, rho, greeks_reason, greeks_version
FROM option_bars_5min ORDER BY contract_id, time
"""


@pytest.fixture(scope="module")
def market() -> Market:
    """Give the market as of the evening of the session."""
    return Market(7, SystemClock(EVENING))


def answer(found: tuple[Bar, ...], session: Session) -> SeriesAnswer:
    """Return an answer that settles a whole session."""
    inside = tuple(bar for bar in found if session.open <= bar.time < session.close)
    whole = Spans((session.span,))
    return SeriesAnswer(inside, whole, whole)


async def stored_chain(db: Database, market: Market, strikes: int = 8) -> list[OptionContract]:
    """Store SPY's day and the bars of some strikes around the money; return the contracts."""
    session = CALENDAR.session("SPY", DAY)
    span = (session.open, session.close)
    stock = market.stock("SPY")
    assert stock is not None
    underlying = await contract_tables.add_underlying(db, Underlying("SPY", stock.con_id))
    level = bars_of(market, stock.con_id, span, WhatToShow.TRADES)
    given = {WhatToShow.TRADES: answer(level[WhatToShow.TRADES], session)}
    await bar_tables.store(db, [InstrumentAnswers(underlying, UNDERLYING_BARS_5MIN, given)], 1)
    spot = decimal(level[WhatToShow.TRADES][-1].close)
    options = sorted(market.options("SPY", EXPIRATION), key=lambda option: (abs(option.strike - spot), option.right))
    chosen = [contract_of(option) for option in options[: 2 * strikes]]
    await contract_tables.store_expiration(db, underlying.id, EXPIRATION, chosen, seen_at=session.open)
    listed = await contract_tables.listed(db, underlying.id, EXPIRATION, EXPIRATION)
    await lifecycle.select(db, [contract.id for contract in listed], DAY)
    batch = [
        InstrumentAnswers(
            contract,
            OPTION_BARS_5MIN,
            {
                what: answer(found, session)
                for what, found in bars_of(market, contract.source_id, span, *SERIES).items()
            },
        )
        for contract in listed
    ]
    await bar_tables.store(db, batch, 1)
    return listed


async def calculate(
    db: Database, settings: GreeksSettings = SETTINGS, clock: SystemClock | None = None, *, everything: bool = False
) -> greeks_pass.GreeksTally:
    """Run the pass over the day."""
    return await greeks_pass.calculate(
        db, settings, CALENDAR, clock or SystemClock(EVENING), ["SPY", "TSLA"], DAY, DAY, everything=everything
    )


async def test_a_settled_session(database: Database, market: Market) -> None:
    """Every bar gets numbers near the truth or a reason; the parameters and the yield are kept; again is a no-op."""
    listed = await stored_chain(database, market)

    first = await calculate(database)

    found = await rows(database, GREEKS)
    assert first.expirations == 1
    assert first.bars == first.changed == len(found) == 16 * 81
    assert first.computed > 0.95 * first.bars
    con_ids = {contract.id: contract.source_id for contract in listed}
    for contract_id, at, volatility, delta, gamma, theta, vega, rho, reason, version in found:
        assert isinstance(at, datetime)
        assert isinstance(contract_id, int)
        assert version == 1
        numbers = (volatility, delta, gamma, theta, vega, rho)
        if reason not in COMPUTED:
            assert set(numbers) == {None}
            assert isinstance(reason, int)
            assert GreeksReason(reason)
            continue
        assert isinstance(volatility, Decimal)
        if reason == GreeksReason.FROM_QUOTE:
            truth = market.true_volatility(con_ids[contract_id], at + SLOT)
            assert abs(float(volatility) - truth) < 0.02
        assert all(isinstance(number, Decimal) and number.is_finite() for number in numbers)
    [carry] = await rows(database, "SELECT rate, dividend_yield, pairs, greeks_version FROM expiration_carry")
    assert carry[0] == 0.04
    assert abs(float(str(carry[1])) - 0.012) < 0.004
    assert carry[3] == 1
    [parameters] = await rows(database, "SELECT version, parameters::text FROM greeks_parameters")
    assert '"rate": 0.04' in str(parameters[1])

    again = await calculate(database)
    assert (again.expirations, again.changed) == (0, 0)
    forced = await calculate(database, everything=True)
    assert (forced.expirations, forced.changed) == (1, 0)


async def test_changed_prices_and_parameters(database: Database, market: Market) -> None:
    """A changed price makes its expiration pending; new parameters get a new version and redo it."""
    listed = await stored_chain(database, market)
    await calculate(database)
    session = CALENDAR.session("SPY", DAY)
    price = whole("5.55")
    bar = Bar(session.open, price, price, price, price)
    await bar_tables.store(
        database, [InstrumentAnswers(listed[0], OPTION_BARS_5MIN, {WhatToShow.ASK: answer((bar,), session)})], 2
    )

    again = await calculate(database)

    assert again.expirations == 1
    assert again.changed >= 1
    dearer = GreeksSettings(rates=(RatePoint(days=0, rate=0.05),))
    other = await greeks_pass.recompute(database, dearer, CALENDAR, SystemClock(EVENING), ["SPY"], DAY)
    assert other.changed == 16 * 81
    assert await rows(database, "SELECT DISTINCT greeks_version FROM option_bars_5min") == [(2,)]
    back = await calculate(database)
    assert back.changed == 16 * 81
    assert await rows(database, "SELECT DISTINCT greeks_version FROM option_bars_5min") == [(1,)]


async def test_unsettled_sessions_wait(database: Database, market: Market) -> None:
    """Before the close and a quarter of an hour nothing is computed."""
    await stored_chain(database, market, strikes=2)
    early = SystemClock(datetime(2026, 11, 20, 21, 20, tzinfo=UTC))

    tally = await calculate(database, clock=early)

    assert tally.expirations == 0
    assert await rows(database, "SELECT count(*) FROM option_bars_5min WHERE greeks_reason IS NOT NULL") == [(0,)]


async def test_interrupted_and_repeated(database: Database, market: Market) -> None:
    """A pass that is cancelled anywhere and repeated ends with the same numbers as one that was not."""
    await stored_chain(database, market, strikes=3)
    for delay in (0.0, 0.02, 0.1):
        running = asyncio.create_task(calculate(database))
        await asyncio.sleep(delay)  # real time: where thread and server are meanwhile is what the delays vary
        running.cancel()
        await asyncio.wait({running})
    await calculate(database)
    interrupted = await rows(database, GREEKS)

    await calculate(database, everything=True)

    assert await rows(database, GREEKS) == interrupted


async def test_without_an_underlying(database: Database, market: Market) -> None:
    """Where the underlying has no bar, or a doubted one, there is a reason instead of a number."""
    await stored_chain(database, market, strikes=2)
    async with database._connection() as connection:
        await connection.execute("UPDATE store.underlying_bars_5min SET flags = 32 WHERE time < '2026-11-20 15:00+00'")
        await connection.execute("DELETE FROM store.underlying_bars_5min WHERE time >= '2026-11-20 20:00+00'")

    await calculate(database)

    statement = """
    SELECT DISTINCT greeks_reason FROM option_bars_5min
    WHERE time < '2026-11-20 15:00+00' OR time >= '2026-11-20 20:00+00'
    """
    assert await rows(database, statement) == [(GreeksReason.NO_UNDERLYING,)]


PAID = Decimal("1.95")
SOURCES = "SELECT dividend_source, cash_dividends, dividend_yield FROM expiration_carry"


@pytest.fixture(scope="module")
def paying() -> Market:
    """Give the market in which SPY pays a dividend, ex on the day of the expiration."""
    return Market(7, SystemClock(EVENING), MarketSettings(corporate_actions=(Dividend("SPY", EXPIRATION, PAID),)))


async def tell(db: Database, told_at: datetime) -> None:
    """Record SPY's dividend as told at an instant."""
    stock = await contract_tables.underlying(db, "SPY")
    assert stock is not None
    await announced_dividends.keep(db, stock.id, NextDividend(EXPIRATION, PAID, told_at))


async def reasons(db: Database) -> set[object]:
    """Return the reasons of all bars."""
    return {row[0] for row in await rows(db, "SELECT DISTINCT greeks_reason FROM option_bars_5min")}


async def test_a_dividend_that_nobody_told_of(database: Database, paying: Market) -> None:
    """Behind it no bar has a number, only a reason; parity's word is not taken, and verifying goes on."""
    await stored_chain(database, paying)

    tally = await calculate(database)

    assert tally.computed == 0
    assert await reasons(database) <= {GreeksReason.UNKNOWN_DIVIDEND, GreeksReason.BELOW_INTRINSIC}
    assert (await rows(database, SOURCES))[0][:2] == ("unknown", 0)


async def test_a_dividend_told_on_the_day(database: Database, paying: Market) -> None:
    """Told in the evening, after the first pass, it is reckoned with: the expiration is computed again, and right."""
    listed = await stored_chain(database, paying)
    await calculate(database)
    await tell(database, EVENING)

    tally = await calculate(database)

    assert tally.expirations == 1
    assert tally.computed > 0.95 * tally.bars
    con_ids = {contract.id: contract.source_id for contract in listed}
    for contract_id, at, volatility, *_, reason, _version in await rows(database, GREEKS):
        if reason == GreeksReason.FROM_QUOTE:
            assert isinstance(at, datetime)
            assert isinstance(contract_id, int)
            assert abs(float(str(volatility)) - paying.true_volatility(con_ids[contract_id], at + SLOT)) < 0.02
    [(source, cash, besides)] = await rows(database, SOURCES)
    assert (source, cash) == ("tick", PAID)
    assert abs(float(str(besides)) - 0.012) < 0.01
    assert (await calculate(database)).expirations == 0
    [verified] = await verification.verify(database, Settings(), CALENDAR, SystemClock(EVENING), ["SPY"], DAY, DAY)
    assert verified.off_parity == 0


async def test_a_dividend_told_later_is_never_used(database: Database, paying: Market) -> None:
    """What is told on the next day counts neither at once nor when the session is computed afresh."""
    await stored_chain(database, paying, strikes=6)
    await tell(database, EVENING + timedelta(days=1))
    await calculate(database)
    await calculate(database, everything=True)
    assert (await rows(database, SOURCES))[0][:2] == ("unknown", 0)
    assert not await reasons(database) & set(COMPUTED)


async def test_verify_finds_what_is_wrong(database: Database, market: Market) -> None:
    """What was stored by the collector is sound; each kind of damage done behind its back is named."""
    listed = await stored_chain(database, market, strikes=3)
    await calculate(database)

    [sound] = await verification.verify(database, Settings(), CALENDAR, SystemClock(EVENING), ["SPY", "TSLA"], DAY, DAY)

    assert sound.broken == ()
    assert sound.sound
    assert sound.pairs > 30
    assert sound.off_parity == 0
    assert (sound.quality.bars, sound.quality.contracts, sound.quality.quarantined) == (6 * 81, 6, 0)
    assert sound.quality.quoted == 6 * 81
    assert sound.quality.with_iv > 450
    async with database._connection() as connection:
        await connection.execute(
            """
            UPDATE store.option_bars_5min  -- high = low - 1
            SET up = least(open, close) - down - 10000 / unit - greatest(open, close), implied_volatility = NULL
            WHERE time = (SELECT max(time) FROM store.option_bars_5min WHERE greeks_reason = 0 AND close IS NOT NULL)
            """
        )
        await connection.execute(
            "UPDATE store.option_bars_5min"
            " SET bid_close = ask_close + 300000 / unit, ask_close = ask_close + 310000 / unit WHERE contract_id = $1",
            listed[0].id,
        )
        await connection.execute("UPDATE request_coverage SET covered = '{}' WHERE what_to_show = 'BID'")
    [damaged] = await verification.verify(database, Settings(), CALENDAR, SystemClock(EVENING), ["SPY"], DAY, DAY)
    rules = {one.rule: one for one in damaged.broken}
    assert {"high below the bar", "volatility without its reason", "bid in a slot that is not covered"} <= set(rules)
    assert rules["bid in a slot that is not covered"].bars > 400
    assert rules["high below the bar"].example.startswith("SPY   261125")
    assert damaged.off_parity > 10
    assert not damaged.sound


async def test_quarantine(database: Database, market: Market) -> None:
    """A bar that cannot be true is kept once with its reason, whoever brings it, and counted."""
    listed = await stored_chain(database, market, strikes=1)
    session = CALENDAR.session("SPY", DAY)
    price = whole("1.25")
    bad = Bar(session.open, price, whole("1"), whole("1.5"), price, whole("3"), 1, price)
    one = Quarantined(OPTION_BARS_5MIN, WhatToShow.TRADES, bad, Impossible.HIGH_BELOW_LOW)
    own = Quarantined(OPTION_BARS_5MIN, WhatToShow.TRADES, bad._replace(open=whole("-1")), Impossible.NEGATIVE_PRICE)
    stock = await contract_tables.underlying(database, "SPY")
    assert stock is not None

    of_option = InstrumentAnswers(
        listed[0], OPTION_BARS_5MIN, {WhatToShow.TRADES: answer((), session)}, quarantined=(one,)
    )
    of_stock = InstrumentAnswers(
        stock, UNDERLYING_BARS_5MIN, {WhatToShow.TRADES: answer((), session)}, quarantined=(own,)
    )
    await bar_tables.store(database, [of_option, of_stock], 1)
    await bar_tables.store(database, [of_option], 2)

    assert await quarantine.counts(database, session.span) == [
        quarantine.QuarantineCount("SPY", "TRADES", "high_below_low", 1),
        quarantine.QuarantineCount("SPY", "TRADES", "negative_price", 1),
    ]
    kept = await rows(database, "SELECT open, high, volume, run_id FROM quarantined_bars WHERE contract_id IS NOT NULL")
    assert kept == [(Decimal("1.25"), Decimal(1), Decimal(3), 1)]


async def test_statistics_of_quality(database: Database, market: Market) -> None:
    """Quote coverage, volatility coverage and quarantine counts join the session's statistics."""
    await stored_chain(database, market, strikes=2)
    async with database._connection() as connection:
        await connection.execute(
            """
            INSERT INTO collection_statistics (collection_date, symbol, total_contracts, successful_contracts,
                total_bars_collected, expected_slots, traded_slots, no_trade_slots, unknown_slots)
            VALUES ($1, 'SPY', 4, 4, 324, 648, 100, 200, 0)
            """,
            DAY,
        )

    tally = await calculate(database)

    [found] = await rows(database, "SELECT quote_percent, iv_percent, quarantined_bars FROM collection_statistics")
    assert found[0] == Decimal("50.0000")
    assert found[1] == (Decimal(100) * tally.computed / 648).quantize(Decimal("0.0001"))
    assert found[2] == 0


async def test_compressed_days(database: Database, market: Market, engine: Engine) -> None:
    """Greeks of a day that is compressed already can be computed afresh."""
    if engine.name != "community":
        pytest.skip("needs the Community edition of TimescaleDB: compression")
    await stored_chain(database, market, strikes=3)
    await calculate(database)
    async with database._connection() as connection:
        await connection.execute("SELECT compress_chunk(c) FROM show_chunks('store.option_bars_5min') AS c")

    again = await calculate(database, GreeksSettings(rates=(RatePoint(days=0, rate=0.03),)))

    assert again.changed == 6 * 81
    assert await rows(database, "SELECT greeks_version, count(*) FROM option_bars_5min GROUP BY 1") == [(2, 6 * 81)]


async def test_inputs_are_kept_to_the_last_digit(database: Database, paying: Market) -> None:
    """Spot, forward, rate and dividend of each slot are those that were used; from them the same numbers come again."""
    listed = await stored_chain(database, paying)
    await tell(database, EVENING)
    tally = await calculate(database)
    assert tally.computed > 0

    columns = "time, spot, forward, years, rate, dividend_yield, cash_dividends"
    shown = await rows(database, f"SELECT {columns} FROM greeks_inputs ORDER BY time")  # noqa: S608 - our own names
    closes = {row[0]: row[1] for row in await rows(database, "SELECT time, close FROM underlying_bars_5min")}
    expires = CALENDAR.session("SPY", EXPIRATION).close
    ex = CALENDAR.session("SPY", EXPIRATION).open
    assert len(shown) == 81
    for time, spot, forward, years, rate, dividend_yield, paid in shown:
        assert isinstance(time, datetime)
        left = (expires - time - SLOT) / timedelta(days=365)
        price, carry = float(str(closes[time])), float(str(dividend_yield))
        assert (spot, years, rate, paid) == (price, left, 0.04, 1.95)
        wait = (ex - time - SLOT) / timedelta(days=365)
        expected = (price - 1.95 * math.exp(-0.04 * wait)) * math.exp((0.04 - carry) * left)
        assert float(str(forward)) == pytest.approx(expected, rel=1e-12)

    chosen = random.Random(5).sample(await rows(database, GREEKS), 60)
    stock = await contract_tables.underlying(database, "SPY")
    assert stock is not None
    contracts = {contract.id: contract for contract in listed}
    for contract_id, at, *_ in chosen:
        assert isinstance(contract_id, int)
        assert isinstance(at, datetime)
        account = await values.value(database, contracts[contract_id], stock, OPTION_BARS_5MIN, at)
        assert account.greeks is not None
        assert account.greeks.recomputed is not None
        assert account.greeks.recomputed.equal is True, (contracts[contract_id], at)
