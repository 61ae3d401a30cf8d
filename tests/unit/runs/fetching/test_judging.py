"""Every spoilt bar is caught, and none of a clean month's is blamed."""

import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from collector.clock import SystemClock
from collector.db.bars.bar_tables import InstrumentAnswers, SeriesAnswer
from collector.db.bookkeeping.requests_table import RequestRecord
from collector.domain.market_data import checksums
from collector.domain.market_data.answers import Outcome
from collector.domain.market_data.bars import Bar
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN, UNDERLYING_BARS_5MIN
from collector.domain.market_data.instruments import Underlying, WhatToShow
from collector.domain.market_data.sessions import Session
from collector.domain.market_data.spans import Span, Spans
from collector.domain.quality.flags import SlotFlag
from collector.domain.quality.quality_rules import SpotRange
from collector.market.calendar import Calendar
from collector.runs.fetching.judging import examined
from collector.simulator.market import Market, Option
from tests.support.corruption import SPOILINGS, A, B, Series, T, applied, spoil
from tests.support.option_days import bars_of, contract_of

LAST = date(2026, 11, 20)
MONTH = 21
ALARMS = ~int(SlotFlag.NO_VOLUME | SlotFlag.FRACTIONAL_VOLUME)
"""All bits but those that state a fact."""

BLAMED = {T: 0x0000FF, B: 0x00FF00, A: 0xFF0000}
CALENDAR = Calendar()


@pytest.fixture(scope="module")
def market() -> Market:
    """Give the market as of the month's end."""
    return Market(7, SystemClock(datetime(2026, 11, 20, 22, 0, tzinfo=UTC)))


def spots(market: Market, symbol: str, session: Session) -> dict[datetime, SpotRange]:
    """Return the underlying's range by slot."""
    stock = market.stock(symbol)
    assert stock is not None
    found = bars_of(market, stock.con_id, (session.open, session.close), T)[T]
    return {bar.time: SpotRange(bar.low, bar.high) for bar in found}


def answered(bars: tuple[Bar, ...], session: Session) -> SeriesAnswer:
    """Return an answer that settles a whole session."""
    whole = Spans((session.span,))
    return SeriesAnswer(bars, whole, whole)


def judge(option: Option, series: Series, session: Session, around: dict[datetime, SpotRange]) -> InstrumentAnswers:
    """Run the collector's judgement over a contract's session."""
    answers = {what: answered(tuple(bars), session) for what, bars in series.items()}
    return examined(InstrumentAnswers(contract_of(option, 1), OPTION_BARS_5MIN, answers), [session], around)


def sample(market: Market, symbol: str, day: date, count: int, draw: random.Random) -> Iterator[Option]:
    """Yield contracts that traded on a day: of its own expiration and of later ones."""
    chain = market.chain(symbol)
    assert chain is not None
    live = [expiration for expiration in chain.expirations if expiration >= LAST][:6]
    listed = [option for expiration in live for option in market.options(symbol, expiration) if option.listed <= day]
    yield from draw.sample(listed, min(count, len(listed)))


def test_a_clean_month_raises_no_alarm(market: Market) -> None:
    """A month of sessions, the underlyings' own and options of all kinds: false alarms are counted; there are none."""
    draw, bars, alarms = random.Random(3), 0, Counter[str]()
    for day in CALENDAR.days(LAST - timedelta(days=MONTH * 7 // 5), LAST):
        for symbol in ("SPY", "PLTR", "TSLA"):
            session = CALENDAR.session(symbol, day)
            around, span = spots(market, symbol, session), (session.open, session.close)
            stock = market.stock(symbol)
            assert stock is not None
            own = bars_of(market, stock.con_id, span, T, WhatToShow.OPTION_IMPLIED_VOLATILITY)
            given = {what: answered(found, session) for what, found in own.items()}
            found = [
                examined(
                    InstrumentAnswers(Underlying(symbol, stock.con_id, id=1), UNDERLYING_BARS_5MIN, given), [session]
                )
            ]
            for option in sample(market, symbol, day, 6, draw):
                series = bars_of(market, option.con_id, span, T, B, A)
                found.append(judge(option, series, session, around))
            for one in found:
                bars += sum(len(answer.bars) for answer in one.series.values())
                alarms.update(f"{symbol} {SlotFlag(bits & ALARMS)!r}" for bits in one.flags.values() if bits & ALARMS)
                alarms.update(f"{symbol} {bad.reason}" for bad in one.quarantined)
    print(f"\n{bars} bars of a clean month, {alarms.total()} false alarms {dict(alarms)}")  # noqa: T201
    assert bars > 50_000
    assert alarms.total() == 0


@pytest.mark.parametrize("kind", list(SPOILINGS))
@pytest.mark.parametrize("what", [T, B, A])
def test_every_corruption_is_caught(market: Market, kind: str, what: WhatToShow) -> None:
    """Each spoilt bar is quarantined if it is impossible, else flagged in its slot; nothing else is quarantined."""
    draw = random.Random(f"{kind} {what}")
    session = CALENDAR.session("SPY", LAST)
    around = spots(market, "SPY", session)
    spoilt_bars = caught = 0
    for option in sample(market, "SPY", LAST, 40, draw):
        series = bars_of(market, option.con_id, (session.open, session.close), T, B, A)
        spoilt = spoil(draw, series, what, kind)
        if spoilt is None:
            continue
        spoilt_bars += 1
        found = judge(option, applied(series, spoilt), session, around)
        if spoilt.impossible:
            caught += [(bad.what_to_show, bad.bar) for bad in found.quarantined] == [(what, spoilt.bar)]
        else:
            assert not found.quarantined
            blamed = found.flags.get(spoilt.bar.time, 0) & ALARMS
            caught += bool(blamed & BLAMED[what]) if what is T else bool(blamed & int(SlotFlag.QUOTE_DOUBTED))
    if kind == "negative volume" and what is not T:
        assert spoilt_bars == 0
        return
    assert spoilt_bars >= 5
    assert caught == spoilt_bars


@pytest.mark.parametrize("kind", ["spike up", "spike down", "shifted decimal"])
def test_corruption_of_the_underlying(market: Market, kind: str) -> None:
    """Spikes of at least 20 % and shifted decimals in the underlying's price or volatility are flagged."""
    draw = random.Random(kind)
    factor = {"spike up": ("1.2",), "spike down": ("0.8",), "shifted decimal": ("10", "0.1", "100", "0.01")}[kind]
    for symbol in ("SPY", "TSLA"):
        session = CALENDAR.session(symbol, LAST)
        stock = market.stock(symbol)
        assert stock is not None
        own = bars_of(market, stock.con_id, (session.open, session.close), T, WhatToShow.OPTION_IMPLIED_VOLATILITY)
        for what, bit in ((T, SlotFlag.TRADE_JUMP), (WhatToShow.OPTION_IMPLIED_VOLATILITY, SlotFlag.VOLATILITY_JUMP)):
            for _ in range(25):
                place = draw.randrange(len(own[what]))
                bar = own[what][place]
                times = Decimal(draw.choice(factor))
                moved = [int(price * times) for price in bar[1:5]]
                bad = bar._replace(open=moved[0], high=moved[1], low=moved[2], close=moved[3])
                bars = (*own[what][:place], bad, *own[what][place + 1 :])
                given = {what: answered(bars, session)}
                found = examined(
                    InstrumentAnswers(Underlying(symbol, stock.con_id, id=1), UNDERLYING_BARS_5MIN, given), [session]
                )
                assert set(found.flags) == {bar.time}
                assert found.flags[bar.time] & bit


def test_a_request_bears_the_checksum_of_what_is_stored_of_its_answer(market: Market) -> None:
    """Each of two requests for a series has that of its own bars, without one that is refused; a failure has none."""
    session = CALENDAR.session("SPY", LAST)
    option = next(sample(market, "SPY", LAST, 1, random.Random(9)))
    bars = bars_of(market, option.con_id, (session.open, session.close), B)[B]
    spoilt = bars[50]._replace(low=-1)
    given = (*bars[:50], spoilt, *bars[51:])
    middle, sent = bars[30].time, session.settles_at
    parts = (Span(session.open, middle), Span(middle, session.close))
    contract = contract_of(option, 1)
    asked = [RequestRecord(contract, OPTION_BARS_5MIN, B, part, sent, sent, Outcome.BARS, bars=9) for part in parts]
    failed = RequestRecord(contract, OPTION_BARS_5MIN, T, session.span, sent, None, Outcome.TIME_OUT)
    answers = InstrumentAnswers(contract, OPTION_BARS_5MIN, {B: answered(given, session)}, requests=(*asked, failed))

    first, second, none = (one.checksum for one in examined(answers, [session]).requests)

    assert first == checksums.of_bars(OPTION_BARS_5MIN, B, bars[:30])
    assert second == checksums.of_bars(OPTION_BARS_5MIN, B, (*bars[30:50], *bars[51:]))
    assert none is None
