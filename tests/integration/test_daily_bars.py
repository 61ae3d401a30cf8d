"""Daily bars of underlyings, from the gateway to the tables, against the simulated market's truth."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from collector.clock import SystemClock
from collector.db.bars import quality_checks
from collector.db.bars.bar_tables import InstrumentAnswers
from collector.db.connection import pool
from collector.db.contracts import contract_tables
from collector.domain.market_data.answers import Answer, Failure, HistoricalOutcome, HistoricalRequest, Outcome
from collector.domain.market_data.data_sets import UNDERLYING_BARS_1DAY
from collector.domain.market_data.instruments import WhatToShow
from collector.domain.run_vocabulary import RunStatus, Window
from collector.market.calendar import Calendar
from collector.runs import window_run
from collector.runs.dependencies import Parts
from collector.runs.fetching import splits
from collector.runs.finished import Finished
from collector.runs.orders import backfill_order, order_for
from collector.runs.source import MarketDataSource
from collector.simulator.market import Dividend, MarketSettings, Split
from collector.simulator.scenarios import named
from collector.simulator.server import Gateway
from tests.support.truth import quantised, span_of, underlying_truth
from tests.support.window_runs import FRIDAY, narrow, parts_for, run_window

NEW_YORK = ZoneInfo("America/New_York")
EVENING = datetime(2026, 11, 20, 17, 45, tzinfo=NEW_YORK)
_ROWS = """
SELECT symbol, time, open, high, low, close, volume, bar_count, vwap, adjusted_close, has_gaps
FROM underlying_bars_1day JOIN underlying_securities AS underlying ON underlying.id = underlying_id
"""


async def stored(url: str) -> dict[str, dict[date, tuple[object, ...]]]:
    """Return the stored daily bars by symbol and session."""
    found: dict[str, dict[date, tuple[object, ...]]] = {}
    for row in await fetch(url, _ROWS):
        assert row["time"] == datetime.combine(row["time"].date(), datetime.min.time(), UTC)
        found.setdefault(row["symbol"], {})[row["time"].date()] = tuple(row)[2:]
    return found


async def fetch(url: str, statement: str, *args: object) -> list[asyncpg.Record]:
    """Run one statement on a connection of its own."""
    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch(statement, *args))
    finally:
        await connection.close()


def true_rows(gateway: Gateway, symbol: str, first: date, last: date) -> Mapping[date, tuple[object, ...]]:
    """Return what the market's truth says of sessions, as the columns hold it."""
    stock = gateway.market.stock(symbol)
    assert stock is not None
    trades = gateway.market.daily_truth(stock.con_id, "TRADES", first, last)
    adjusted = gateway.market.daily_truth(stock.con_id, "ADJUSTED_LAST", first, last)
    return {
        day: (
            *map(quantised, bar[1:5]), quantised(bar.volume), bar.count, quantised(bar.wap),
            quantised(adjusted[day].close), False,
        )
        for day, bar in trades.items()
    }  # fmt: skip


async def backfilled(url: str, gateway: Gateway, clock: SystemClock, days: int, *symbols: str) -> Finished:
    """Fetch the daily bars of some calendar days."""
    settings = narrow(*symbols)
    async with parts_for(url, gateway, settings, clock) as parts:
        order = backfill_order(settings, parts.calendar, clock.now(), days, data_set=UNDERLYING_BARS_1DAY)
        return await window_run.run(order, parts)


_DAY = datetime(2026, 11, 20, tzinfo=UTC)


async def broken(url: str, clock: SystemClock) -> list[tuple[str, int, str]]:
    """Return the rules that SPY's bars of Friday break."""
    async with pool.connect(url, clock) as db:
        spy = await contract_tables.underlying(db, "SPY")
        assert spy is not None
        found = await quality_checks.broken(db, spy.id, Calendar().session("SPY", FRIDAY))
        return [(one.rule, one.bars, one.example) for one in found]


@pytest.mark.gateway(at=EVENING)
async def test_a_window_collects_the_last_sessions(
    database_url: str, gateway: Gateway, gateway_clock: SystemClock
) -> None:
    """The evening's window brings the bars of five sessions, as they are; nothing is asked of any option."""
    finished = await run_window(database_url, gateway, narrow("SPY", "PLTR"), gateway_clock, Window.DAILY_BARS)
    assert finished.status is RunStatus.SUCCESS, finished
    rows = await stored(database_url)
    for symbol in ("SPY", "PLTR"):
        assert rows[symbol] == true_rows(gateway, symbol, date(2026, 11, 16), FRIDAY)
        assert len(rows[symbol]) == 5
    assert finished.reached == 1.0
    assert finished.tally.contracts_planned == set()
    assert await fetch(database_url, "SELECT 1 FROM historical_data_gaps") == []
    again = await run_window(database_url, gateway, narrow("SPY", "PLTR"), gateway_clock, Window.DAILY_BARS)
    assert (again.status, again.tally.planned) == (RunStatus.SUCCESS, 0)
    assert await broken(database_url, gateway_clock) == []
    await fetch(database_url, "UPDATE store.underlying_bars_1day SET up = -1, adjusted_close = 0 WHERE time = $1", _DAY)
    assert await broken(database_url, gateway_clock) == [
        ("adjusted_close is nothing", 1, "underlying_bars_1day"),
        ("high below the bar", 1, "underlying_bars_1day"),
    ]


@pytest.mark.gateway(at=EVENING)
async def test_ten_years_are_backfilled(database_url: str, gateway: Gateway, gateway_clock: SystemClock) -> None:
    """A dozen requests bring ten years, whatever was there before; nothing of it is a gap."""
    finished = await backfilled(database_url, gateway, gateway_clock, 3650, "SPY")
    assert finished.status is RunStatus.SUCCESS, finished
    first = FRIDAY - timedelta(days=3650)
    expected = true_rows(gateway, "SPY", first, FRIDAY)
    assert (await stored(database_url))["SPY"] == expected
    assert len(expected) > 2500
    assert finished.tally.planned <= 13
    assert await fetch(database_url, "SELECT 1 FROM historical_data_gaps") == []
    assert gateway.log.violations == []


@pytest.mark.gateway(at=EVENING)
async def test_bars_of_a_minute_take_one_word_of_configuration(
    database_url: str, gateway: Gateway, gateway_clock: SystemClock
) -> None:
    """With `1 min` configured a run brings them, and five of them make up each of the true bars of five minutes."""
    settings = narrow("PLTR", underlying_bars=("5 mins", "1 min"))
    finished = await run_window(database_url, gateway, settings, gateway_clock)
    assert finished.status is RunStatus.SUCCESS, finished
    found = await fetch(database_url, _FIVE_MINUTES)
    truth = underlying_truth(gateway.market, "PLTR", span_of([FRIDAY]))
    assert {row["slot"]: tuple(row)[1:] for row in found} == {slot: row[:6] for slot, row in truth.items()}
    assert sum(row["bar_count"] for row in found) > 0
    again = await run_window(database_url, gateway, settings, gateway_clock)
    assert (again.status, again.tally.inserted, again.tally.planned) == (RunStatus.SUCCESS, 0, 0)


_FIVE_MINUTES = """
SELECT date_bin('5 minutes', time, '2026-01-01 00:00Z') AS slot, (array_agg(open ORDER BY time))[1] AS open,
       max(high) AS high, min(low) AS low, (array_agg(close ORDER BY time DESC))[1] AS close, sum(volume) AS volume,
       sum(bar_count)::int AS bar_count
FROM underlying_bars_1min GROUP BY slot
"""
SPLIT = MarketSettings(corporate_actions=(Split("TSLA", FRIDAY, 3),))
DIVIDEND = MarketSettings(corporate_actions=(Dividend("TSLA", FRIDAY, Decimal("1.25")),))
THURSDAY_EVENING = datetime(2026, 11, 19, 17, 45, tzinfo=NEW_YORK)
NOVEMBER_SPLIT = MarketSettings(corporate_actions=(Split("TSLA", date(2026, 11, 4), 3),))
OCTOBER_EVENING = datetime(2026, 10, 22, 17, 45, tzinfo=NEW_YORK)
_QUARTER = date(2026, 8, 24)
_REVISIONS = "SELECT time::date AS day, close, adjusted_close FROM bar_revisions ORDER BY time"
_FACTORS = "SELECT first_session, last_session, sessions, factor FROM adjustment_revisions"


@pytest.mark.gateway(at=THURSDAY_EVENING, market=SPLIT)
async def test_a_split_reads_the_history_again(database_url: str, gateway: Gateway, gateway_clock: SystemClock) -> None:
    """On the evening of the ex-date five stored sessions come divided by three: all are read again, old values kept."""
    await backfilled(database_url, gateway, gateway_clock, 87, "TSLA")
    before = true_rows(gateway, "TSLA", _QUARTER, date(2026, 11, 19))
    assert (await stored(database_url))["TSLA"] == before
    gateway_clock.set(EVENING)
    finished = await run_window(database_url, gateway, narrow("TSLA"), gateway_clock, Window.DAILY_BARS)
    assert finished.status is RunStatus.SUCCESS, finished
    (split,) = finished.splits
    assert (split.symbol, split.sessions) == ("TSLA", len(before))
    assert split.factor == pytest.approx(3, abs=0.001)
    assert (await stored(database_url))["TSLA"] == true_rows(gateway, "TSLA", _QUARTER, FRIDAY)
    revised = {row["day"]: (row["close"], row["adjusted_close"]) for row in await fetch(database_url, _REVISIONS)}
    assert revised == {day: (row[3], row[7]) for day, row in before.items()}
    (factor,) = await fetch(database_url, _FACTORS)
    assert tuple(factor)[:3] == (_QUARTER, date(2026, 11, 19), len(before))
    assert float(factor["factor"]) == pytest.approx(3, abs=0.0001)
    assert await fetch(database_url, "SELECT 1 FROM historical_data_gaps WHERE state = 'open'") == []


@pytest.mark.gateway(
    at=OCTOBER_EVENING, market=MarketSettings(corporate_actions=(Split("TSLA", date(2026, 11, 4), 3),))
)
async def test_an_absence_leaves_no_hole(database_url: str, gateway: Gateway, gateway_clock: SystemClock) -> None:
    """After four weeks in which nobody was there to collect all sessions come, and a split among them is seen."""
    await backfilled(database_url, gateway, gateway_clock, 30, "TSLA")
    gateway_clock.set(EVENING)
    finished = await run_window(database_url, gateway, narrow("TSLA"), gateway_clock, Window.DAILY_BARS)
    assert (finished.status, [split.symbol for split in finished.splits]) == (RunStatus.SUCCESS, ["TSLA"])
    assert (await stored(database_url))["TSLA"] == true_rows(gateway, "TSLA", date(2026, 9, 22), FRIDAY)
    assert await fetch(database_url, "SELECT 1 FROM historical_data_gaps WHERE state = 'open'") == []


LATE = MarketSettings(
    corporate_actions=(
        Split("TSLA", date(2026, 10, 26), Fraction(1, 10), adjusted=FRIDAY),
        Dividend("TSLA", date(2026, 11, 3), Decimal(900)),
    )
)


@pytest.mark.gateway(at=THURSDAY_EVENING, market=LATE)
async def test_a_split_that_is_adjusted_weeks_late_is_seen(
    database_url: str, gateway: Gateway, gateway_clock: SystemClock
) -> None:
    """Nineteen sessions after the ex-date, with a special dividend between, of which no session is read again."""
    await backfilled(database_url, gateway, gateway_clock, 87, "TSLA")
    before = true_rows(gateway, "TSLA", _QUARTER, date(2026, 11, 19))
    assert (await stored(database_url))["TSLA"] == before
    gateway_clock.set(EVENING)
    finished = await run_window(database_url, gateway, narrow("TSLA"), gateway_clock, Window.DAILY_BARS)
    (split,) = finished.splits
    assert (finished.status, split.symbol, split.sessions) == (RunStatus.SUCCESS, "TSLA", len(before))
    assert split.factor == pytest.approx(0.1, abs=0.0001)
    after = true_rows(gateway, "TSLA", _QUARTER, FRIDAY)
    assert (await stored(database_url))["TSLA"] == after
    changed = {day: row[3] for day, row in before.items() if row[3] != after[day][3]}
    assert max(changed) == date(2026, 10, 23)
    assert {row["day"]: row["close"] for row in await fetch(database_url, _REVISIONS)}.items() >= changed.items()
    gateway_clock.set(EVENING + timedelta(days=3))
    finished = await run_window(database_url, gateway, narrow("TSLA"), gateway_clock, Window.DAILY_BARS)
    assert (finished.status, finished.splits, finished.tally.planned) == (RunStatus.SUCCESS, [], 3)


SPECIAL = MarketSettings(corporate_actions=(Dividend("TSLA", FRIDAY, Decimal(100)),))


@pytest.mark.gateway(at=THURSDAY_EVENING, market=SPECIAL)
async def test_a_special_dividend_is_no_split(
    plain_database_url: str, gateway: Gateway, gateway_clock: SystemClock
) -> None:
    """A quarter of the price leaves the bars that traded as they are, and adjusted closes tell of it alone."""
    await backfilled(plain_database_url, gateway, gateway_clock, 87, "TSLA")
    gateway_clock.set(EVENING)
    finished = await run_window(plain_database_url, gateway, narrow("TSLA"), gateway_clock, Window.DAILY_BARS)
    assert (finished.status, finished.splits) == (RunStatus.SUCCESS, [])
    assert (await stored(plain_database_url))["TSLA"] == true_rows(gateway, "TSLA", _QUARTER, FRIDAY)
    assert await fetch(plain_database_url, _REVISIONS) == []
    (factor,) = await fetch(plain_database_url, _FACTORS)
    assert 1.1 < float(factor["factor"]) < 1.45


LISTED = date(2026, 11, 9)


class Young:
    """The gateway, of stocks that were listed on LISTED."""

    def __init__(self, source: MarketDataSource) -> None:
        self._source = source

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the source has
        return getattr(self._source, name)

    async def historical(self, request: HistoricalRequest, priority: int = 0) -> HistoricalOutcome:
        """Leave out the days before."""
        answer = await self._source.historical(request, priority)
        if request.data_set is not UNDERLYING_BARS_1DAY or not isinstance(answer, Answer):
            return answer
        return replace(answer, bars=tuple(bar for bar in answer.bars if bar.time.date() >= LISTED))


@pytest.mark.gateway(at=THURSDAY_EVENING)
async def test_nothing_is_expected_before_the_listing(
    database_url: str, gateway: Gateway, gateway_clock: SystemClock
) -> None:
    """Two nights show that there is nothing before the first bar; then no night asks for it, or is partial for it."""
    settings = narrow("PLTR")
    selected = "SELECT min(lower(selected)) FROM underlying_selections WHERE data_set = 3"
    evenings = (THURSDAY_EVENING, EVENING, EVENING + timedelta(days=3))
    for evening in evenings:
        gateway_clock.set(evening)
        async with parts_for(database_url, gateway, settings, gateway_clock) as opened:
            parts = replace(opened, source=Young(opened.source))
            order = (
                backfill_order(settings, parts.calendar, evening, 60, data_set=UNDERLYING_BARS_1DAY)
                if evening == THURSDAY_EVENING
                else order_for(Window.DAILY_BARS, settings, parts.calendar, evening)
            )
            finished = await window_run.run(order, parts)
        assert (finished.status, finished.tally.planned) == (RunStatus.SUCCESS, 2), finished
        if evening != THURSDAY_EVENING:
            assert date(2026, 11, 6) < (await fetch(database_url, selected))[0][0] <= LISTED
            assert await fetch(database_url, "SELECT 1 FROM negative_claims") == []
        assert await fetch(database_url, "SELECT 1 FROM historical_data_gaps") == []
    assert (await stored(database_url))["PLTR"] == true_rows(gateway, "PLTR", LISTED, date(2026, 11, 23))


@pytest.mark.gateway(at=THURSDAY_EVENING)
async def test_a_source_that_forgets_old_sessions_is_believed_about_new_ones(
    plain_database_url: str, gateway: Gateway, gateway_clock: SystemClock
) -> None:
    """Of the oldest sessions nothing comes any more: what is stored of them stays, and no evening is partial for it."""
    await backfilled(plain_database_url, gateway, gateway_clock, 60, "PLTR")
    for evening in (EVENING, EVENING + timedelta(days=3)):
        gateway_clock.set(evening)
        settings = narrow("PLTR")
        async with parts_for(plain_database_url, gateway, settings, gateway_clock) as opened:
            parts = replace(opened, source=Young(opened.source))
            order = order_for(Window.DAILY_BARS, settings, parts.calendar, evening)
            finished = await window_run.run(order, parts)
        assert (finished.status, finished.splits) == (RunStatus.SUCCESS, []), finished
        assert await fetch(plain_database_url, "SELECT 1 FROM historical_data_gaps") == []
        assert await fetch(plain_database_url, _REVISIONS) == []
    rows = (await stored(plain_database_url))["PLTR"]
    assert rows == true_rows(gateway, "PLTR", min(rows), date(2026, 11, 23))
    assert min(rows) < date(2026, 9, 25)


class Refusing:
    """The gateway, which refuses TRADES of sessions before a day; `asked`: from which days they were asked for."""

    def __init__(self, source: MarketDataSource, before: date) -> None:
        self._source, self._before = source, before
        self.asked: list[date] = []

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the source has
        return getattr(self._source, name)

    async def historical(self, request: HistoricalRequest, priority: int = 0) -> HistoricalOutcome:
        """Refuse what begins too early."""
        if request.data_set is UNDERLYING_BARS_1DAY and request.what_to_show is WhatToShow.TRADES:
            self.asked.append(request.span.start.date())
            if self.asked[-1] < self._before:
                return Failure(Outcome.PERMISSION, "not subscribed")
        return await self._source.historical(request, priority)


@pytest.mark.gateway(at=THURSDAY_EVENING)
async def test_what_rests_is_not_asked_for_to_see_splits(
    plain_database_url: str, gateway: Gateway, gateway_clock: SystemClock
) -> None:
    """While old sessions rest after their failures, the oldest of the others are those that are compared."""
    settings, oldest = narrow("PLTR"), date(2026, 11, 13)
    await run_window(plain_database_url, gateway, settings, gateway_clock, Window.DAILY_BARS)
    for evening, planned in ((THURSDAY_EVENING, date(2026, 9, 21)), (EVENING, oldest)):
        gateway_clock.set(evening)
        async with parts_for(plain_database_url, gateway, settings, gateway_clock) as opened:
            source = Refusing(opened.source, oldest)
            order = (
                backfill_order(settings, opened.calendar, evening, 60, data_set=UNDERLYING_BARS_1DAY)
                if evening == THURSDAY_EVENING
                else order_for(Window.DAILY_BARS, settings, opened.calendar, evening)
            )
            await window_run.run(order, replace(opened, source=source))
        assert set(source.asked) == {planned}
        await fetch(plain_database_url, "UPDATE dead_letters SET next_attempt_at = '2027-01-01 00:00Z'")
    rows = (await stored(plain_database_url))["PLTR"]
    assert {day: row for day, row in rows.items() if row[3]} == true_rows(gateway, "PLTR", oldest, FRIDAY)


@pytest.mark.gateway(at=THURSDAY_EVENING, market=DIVIDEND)
async def test_a_dividend_changes_adjusted_closes_alone(
    database_url: str, gateway: Gateway, gateway_clock: SystemClock
) -> None:
    """One request replaces all adjusted closes, and one row keeps the factor; no session that traded is revised."""
    await backfilled(database_url, gateway, gateway_clock, 87, "TSLA")
    before = true_rows(gateway, "TSLA", _QUARTER, date(2026, 11, 19))
    gateway_clock.set(EVENING)
    finished = await run_window(database_url, gateway, narrow("TSLA"), gateway_clock, Window.DAILY_BARS)
    assert (finished.status, finished.splits, finished.tally.planned) == (RunStatus.SUCCESS, [], 3)
    assert (await stored(database_url))["TSLA"] == true_rows(gateway, "TSLA", _QUARTER, FRIDAY)
    assert await fetch(database_url, _REVISIONS) == []
    (factor,) = await fetch(database_url, _FACTORS)
    assert tuple(factor)[:3] == (_QUARTER, date(2026, 11, 19), len(before))
    close = before[date(2026, 11, 19)][3]
    assert isinstance(close, Decimal)
    assert float(factor["factor"]) == pytest.approx(1 / (1 - 1.25 / float(close)), abs=0.000_01)


@pytest.mark.gateway(at=THURSDAY_EVENING, market=SPLIT)
async def test_a_run_that_is_stopped_after_a_split_leaves_the_history_to_the_next(
    database_url: str, gateway: Gateway, gateway_clock: SystemClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is to be read again counts as missing from the moment the split is seen, whatever happens then."""
    await backfilled(database_url, gateway, gateway_clock, 87, "TSLA")
    before = true_rows(gateway, "TSLA", _QUARTER, date(2026, 11, 19))
    gateway_clock.set(EVENING)
    look = splits.look

    async def stopped(answers: InstrumentAnswers, finished: Finished, parts: Parts) -> None:
        await look(answers, finished, parts)
        raise RuntimeError("stopped")

    with monkeypatch.context() as patched:
        patched.setattr(splits, "look", stopped)
        broken = await run_window(database_url, gateway, narrow("TSLA"), gateway_clock, Window.DAILY_BARS)
        assert broken.status is RunStatus.FAILED
    finished = await run_window(database_url, gateway, narrow("TSLA"), gateway_clock, Window.DAILY_BARS)
    assert (finished.status, finished.splits) == (RunStatus.SUCCESS, [])
    assert (await stored(database_url))["TSLA"] == true_rows(gateway, "TSLA", _QUARTER, FRIDAY)
    assert len(await fetch(database_url, _REVISIONS)) == len(before)


@pytest.mark.gateway(
    at=THURSDAY_EVENING, scenarios=[named("no-permission", series=("ADJUSTED_LAST",), share=1.0, hits=1)]
)
async def test_what_is_refused_is_a_gap_until_it_comes(
    plain_database_url: str, gateway: Gateway, gateway_clock: SystemClock
) -> None:
    """Sessions of a refused series are a gap for each stretch, of a slot a session; the next evening fills them."""
    finished = await run_window(plain_database_url, gateway, narrow("PLTR"), gateway_clock, Window.DAILY_BARS)
    assert finished.status is RunStatus.PARTIAL
    gaps = "SELECT what_to_show, state, gap_start::date, gap_end::date FROM historical_data_gaps ORDER BY gap_start"
    assert [tuple(row) for row in await fetch(plain_database_url, gaps)] == [
        ("ADJUSTED_LAST", "open", date(2026, 11, 13), date(2026, 11, 14)),
        ("ADJUSTED_LAST", "open", date(2026, 11, 16), date(2026, 11, 20)),
    ]
    gateway_clock.set(EVENING)
    finished = await run_window(plain_database_url, gateway, narrow("PLTR"), gateway_clock, Window.DAILY_BARS)
    assert (finished.status, finished.gaps.closed, finished.gaps.still_open) == (RunStatus.SUCCESS, 2, 0)
    assert (await stored(plain_database_url))["PLTR"] == true_rows(gateway, "PLTR", date(2026, 11, 13), FRIDAY)


@pytest.mark.gateway(at=EVENING, scenarios=[named("silent-hole-everywhere", at_request=2, for_s=3600.0)])
async def test_an_evening_of_empty_answers_settles_nothing(
    plain_database_url: str, gateway: Gateway, gateway_clock: SystemClock
) -> None:
    """Nothing has proven that nobody traded: the run is partial, its sessions stay missing, and the next has them."""
    finished = await run_window(plain_database_url, gateway, narrow("SPY"), gateway_clock, Window.DAILY_BARS)
    assert finished.status is RunStatus.PARTIAL, finished
    settled = "SELECT 1 FROM request_coverage WHERE NOT isempty(settled)"
    assert await fetch(plain_database_url, settled) == []
    gateway_clock.set(EVENING + timedelta(hours=2))
    finished = await run_window(plain_database_url, gateway, narrow("SPY"), gateway_clock, Window.DAILY_BARS)
    assert finished.status is RunStatus.SUCCESS, finished
    assert (await stored(plain_database_url))["SPY"] == true_rows(gateway, "SPY", date(2026, 11, 16), FRIDAY)
