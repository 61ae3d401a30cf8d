"""Symbols that differ in their series and kinds of bars: each is asked for, counted and told by its own."""

from collections import defaultdict
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
from pydantic import SecretStr

from collector.app import composition, opening, planning, reading
from collector.app.figures import stored
from collector.clock.virtual_time import VirtualClock
from collector.config import IvRegime, Settings, SymbolSettings
from collector.config.connection_settings import DatabaseSettings, GatewaySettings
from collector.config.operation_settings import LogSettings
from collector.domain.market_data.instruments import WhatToShow
from collector.domain.reports.run_report import RunReport, SymbolReport
from collector.domain.run_vocabulary import RunStatus, Window
from collector.runs.orders import order_for
from collector.simulator.market import Market
from collector.simulator.server import Gateway
from tests.support.window_runs import FRIDAY, narrow

Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]
Asked = dict[str, dict[str, int]]
EOD = datetime(2026, 11, 20, 16, 45, tzinfo=ZoneInfo("America/New_York"))
CONFIRMED = timedelta(minutes=31)
"""So long after an attempt the next one is a second witness of what was empty."""
SLOTS = 78
"""Of a session from 09:30 to 16:00."""
ONLY_TRADES: dict[str, Any] = {"series": (WhatToShow.TRADES,)}
ONLY_UNDERLYING: dict[str, Any] = {"data_sets": ("underlying_bars_5min",)}
_GAPS = """
SELECT symbol, what_to_show, count(DISTINCT instrument_id), sum(extract(EPOCH FROM gap_end - gap_start)) / 300,
    min((gap_start AT TIME ZONE 'America/New_York')::date), max((gap_end AT TIME ZONE 'America/New_York')::date)
FROM historical_data_gaps AS gap
JOIN option_chains AS chain ON chain.id = gap.contract_id
JOIN underlying_securities AS underlying ON underlying.id = chain.underlying_id
WHERE state = 'open' GROUP BY symbol, what_to_show ORDER BY symbol, what_to_show
"""
_COVERED = """
SELECT DISTINCT symbol, what_to_show FROM request_coverage AS coverage
JOIN option_chains AS chain ON chain.id = coverage.instrument_id
JOIN underlying_securities AS underlying ON underlying.id = chain.underlying_id
"""
_ROWS = """
SELECT symbol, count(*) FILTER (WHERE bid_close IS NOT NULL OR ask_close IS NOT NULL) > 0, bool_or(has_gaps)
FROM option_bars_5min AS bar
JOIN option_chains AS chain ON chain.id = bar.contract_id
JOIN underlying_securities AS underlying ON underlying.id = chain.underlying_id
GROUP BY symbol ORDER BY symbol
"""
_OPTIONS = """
SELECT chain.ib_con_id, symbol FROM option_chains AS chain
JOIN underlying_securities AS underlying ON underlying.id = chain.underlying_id
"""
_OF_PLTR_ITSELF = """
SELECT count(*) FROM underlying_bars_5min AS bar
JOIN underlying_securities AS underlying ON underlying.id = bar.underlying_id WHERE symbol = 'PLTR'
"""


class Desk:
    """A gateway and a database, and a configuration of PLTR and TSLA that may change from run to run."""

    def __init__(self, url: str, gateway: Gateway, folder: Path, clock: VirtualClock) -> None:
        self.gateway, self.clock, self._url, self._folder = gateway, clock, url, folder

    def settings(self, of_both: Mapping[str, Any] = MappingProxyType({}), **own: Any) -> Settings:  # noqa: ANN401 - settings of a symbol
        """Return the configuration; `own`: what is different for PLTR, `of_both`: for both symbols."""
        symbols = (SymbolSettings(symbol="PLTR", **of_both, **own), SymbolSettings(symbol="TSLA", **of_both))
        return narrow(
            database=DatabaseSettings(url=SecretStr(self._url)),
            gateway=GatewaySettings(host=self.gateway.host, port=self.gateway.port),
            log=LogSettings(directory=self._folder),
        ).model_copy(update={"symbols": symbols})

    async def run(self, window: Window = Window.EOD, **own: Any) -> tuple[RunReport, Asked]:  # noqa: ANN401 - as above
        """Run a window of Friday; return its report, and how many requests of options it sent by symbol and series."""
        settings, before = self.settings(**own), len(self.gateway.log.historical)
        order = order_for(window, settings, opening.calendar(settings), self.clock.now(), day=FRIDAY)
        outcome = await composition.run_window(settings, order, self.clock, lambda _: None)
        options = {row[0]: row[1] for row in await self.rows(_OPTIONS)}
        asked: Asked = defaultdict(lambda: defaultdict(int))
        for request in self.gateway.log.historical[before:]:
            if request.con_id in options:
                asked[options[request.con_id]][request.what_to_show] += 1
        return outcome.report, asked

    async def planned(self, **own: Any) -> list[tuple[str, dict[WhatToShow, int]]]:  # noqa: ANN401 - as above
        """Return what eod would ask for, by symbol and expiration, without asking."""
        settings = self.settings(**own)
        order = order_for(Window.EOD, settings, opening.calendar(settings), self.clock.now(), day=FRIDAY)
        return [(one.symbol, one.requests) for one in (await planning.plan_of(settings, order, self.clock)).groups]

    async def confirmed(self, **own: Any) -> RunReport:  # noqa: ANN401 - as above
        """Run eod twice, so that what is empty has two witnesses; return the second report."""
        await self.run(**own)
        await self.clock.sleep(CONFIRMED.total_seconds())
        return (await self.run(**own))[0]

    async def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Return what a statement finds."""
        with self.clock.hold():
            connection = await asyncpg.connect(self._url)
            try:
                return [tuple(row) for row in await connection.fetch(statement)]
            finally:
                await connection.close()


def of(report: RunReport, symbol: str) -> SymbolReport:
    """Return what a report says of a symbol."""
    return next(one for one in report.symbols if one.symbol == symbol)


def at_a_desk(url: str, folder: Path, virtual_run: Run, test: Callable[[Desk], Coroutine[Any, Any, None]]) -> None:
    """Do something at a desk on Friday evening."""

    async def main() -> None:
        clock = VirtualClock(EOD)
        async with Gateway(Market(7, clock), clock, ()) as gateway:
            await test(Desk(url, gateway, folder, clock))

    virtual_run(main)


def test_each_symbol_has_its_own_series(plain_database_url: str, virtual_run: Run, tmp_path: Path) -> None:
    """PLTR is asked for trades alone and is complete with them; TSLA needs all three; every place says the same."""

    async def main(desk: Desk) -> None:
        first, asked = await desk.run(**ONLY_TRADES)
        assert {symbol: set(series) for symbol, series in asked.items()} == {
            "PLTR": {"TRADES"},
            "TSLA": {"TRADES", "BID", "ASK"},
        }
        await desk.clock.sleep(CONFIRMED.total_seconds())
        report, _ = await desk.run(**ONLY_TRADES)
        assert (first.status, report.status) == (RunStatus.SUCCESS, RunStatus.SUCCESS)
        for symbol, series in (("PLTR", 1), ("TSLA", 3)):
            found = of(report, symbol)
            assert found.contracts > 0
            assert (found.expected, found.settled) == (found.contracts * SLOTS * series,) * 2
        assert report.gaps.still_open == 0
        assert await desk.rows("SELECT count(*) FROM historical_data_gaps WHERE state = 'open'") == [(0,)]
        assert set(await desk.rows(_COVERED)) == {
            ("PLTR", "TRADES"), ("TSLA", "TRADES"), ("TSLA", "BID"), ("TSLA", "ASK"),
        }  # fmt: skip
        assert await desk.rows(_ROWS) == [("PLTR", False, False), ("TSLA", True, False)]
        settings = desk.settings(**ONLY_TRADES)
        page = await reading.overview(settings, FRIDAY, desk.clock)
        assert {one.symbol: one.measured.completeness for one in page.symbols} == {"PLTR": 1.0, "TSLA": 1.0}
        async with opening.database(settings, desk.clock) as db:
            figures = await stored.Reading(settings, opening.calendar(settings)).figures(db, desk.clock.now())
        assert figures.completeness == {"PLTR": 1.0, "TSLA": 1.0}
        assert await desk.rows(
            "SELECT symbol, data_completeness_percent::int FROM collection_statistics ORDER BY symbol"
        ) == [("PLTR", 100), ("TSLA", 100)]

    at_a_desk(plain_database_url, tmp_path, virtual_run, main)


def test_emptiness_is_weighed_by_each_symbols_series(plain_database_url: str, virtual_run: Run, tmp_path: Path) -> None:
    """Empty trades surprise where no quotes are collected, and make no session implausible, its own nor that of all."""
    wide = {"regimes": (IvRegime(band=0.3, min_strikes=40),), "horizon_days": 0}

    async def main(desk: Desk) -> None:
        first, _ = await desk.run(of_both=wide, **ONLY_TRADES)
        empty, traded = of(first, "PLTR"), of(first, "TSLA")
        assert empty.awaiting > 0.2 * empty.expected
        assert empty.single_witness == 0
        assert (empty.settled + empty.awaiting, traded.settled + traded.awaiting) == (empty.expected, traded.expected)
        assert traded.single_witness > 0.05 * traded.expected
        assert first.implausible == ()
        await desk.clock.sleep(CONFIRMED.total_seconds())
        report, _ = await desk.run(of_both=wide, **ONLY_TRADES)
        assert (report.status, report.completeness, report.awaiting) == (RunStatus.SUCCESS, 1.0, 0)

    at_a_desk(plain_database_url, tmp_path, virtual_run, main)


def test_a_series_that_is_added_is_missing_and_one_that_is_left_out_is_not(
    plain_database_url: str, virtual_run: Run, tmp_path: Path
) -> None:
    """PLTR's quotes become gaps of the session when they are wanted, are no gaps when not, and alone are asked for."""

    async def main(desk: Desk) -> None:
        before = await desk.confirmed(**ONLY_TRADES)
        contracts = of(before, "PLTR").contracts
        missing = [("PLTR", what, contracts, contracts * SLOTS, FRIDAY, FRIDAY) for what in ("ASK", "BID")]

        for own, gaps in (({}, missing), (ONLY_TRADES, []), ({}, missing)):
            _, asked = await desk.run(Window.GAP_CHECK, **own)
            assert await desk.rows(_GAPS) == gaps
            assert asked == {}
        page = await reading.overview(desk.settings(), FRIDAY, desk.clock)
        assert {one.symbol: one.measured.settled / one.measured.expected for one in page.symbols} == {
            "PLTR": 1 / 3,
            "TSLA": 1.0,
        }

        quotes = {WhatToShow.BID: contracts, WhatToShow.ASK: contracts}
        assert await desk.planned() == [("PLTR", quotes)]
        assert await desk.planned(**ONLY_TRADES) == await desk.planned(**ONLY_UNDERLYING) == []

        after, asked = await desk.run()
        assert {symbol: set(series) for symbol, series in asked.items()} == {"PLTR": {"BID", "ASK"}}
        await desk.clock.sleep(CONFIRMED.total_seconds())
        after, _ = await desk.run()
        assert (after.status, after.completeness, after.gaps.still_open) == (RunStatus.SUCCESS, 1.0, 0)
        assert await desk.rows(_ROWS) == [("PLTR", True, False), ("TSLA", True, False)]

        again, asked = await desk.run(**ONLY_TRADES)
        assert (again.completeness, asked) == (1.0, {})

    at_a_desk(plain_database_url, tmp_path, virtual_run, main)


def test_a_symbol_whose_options_are_not_collected(plain_database_url: str, virtual_run: Run, tmp_path: Path) -> None:
    """PLTR has its own bars alone: no chain is read, nothing of options is asked, expected, or called a gap."""

    async def main(desk: Desk) -> None:
        report, asked = await desk.run(**ONLY_UNDERLYING)
        assert report.status is RunStatus.SUCCESS
        assert set(asked) == {"TSLA"}
        assert (of(report, "PLTR").contracts, of(report, "PLTR").expected, of(report, "PLTR").error) == (0, 0, "")
        assert [one for one in await desk.rows(_OPTIONS) if one[1] == "PLTR"] == []
        assert await desk.rows(_OF_PLTR_ITSELF) == [(SLOTS,)]
        refreshed, _ = await desk.run(Window.CHAIN_REFRESH, **ONLY_UNDERLYING)
        assert refreshed.status is RunStatus.SUCCESS
        assert [one for one in await desk.rows(_OPTIONS) if one[1] == "PLTR"] == []

    at_a_desk(plain_database_url, tmp_path, virtual_run, main)


def test_options_that_are_not_collected_any_more(plain_database_url: str, virtual_run: Run, tmp_path: Path) -> None:
    """What had been selected is neither asked for nor counted from then on, nor is its last chance at risk."""

    async def main(desk: Desk) -> None:
        await desk.run()
        await desk.rows("DELETE FROM request_coverage WHERE instrument_id > 0 RETURNING 1")
        await desk.run(Window.GAP_CHECK)
        assert {row[0] for row in await desk.rows(_GAPS)} == {"PLTR", "TSLA"}

        looked, _ = await desk.run(Window.GAP_CHECK, **ONLY_UNDERLYING)
        assert {row[0] for row in await desk.rows(_GAPS)} == {"TSLA"}
        assert of(looked, "PLTR").contracts == 0
        report, asked = await desk.run(**ONLY_UNDERLYING)
        assert set(asked) == {"TSLA"}
        assert (of(report, "PLTR").expected, report.expiring.at_risk) == (0, 0)
        page = await reading.overview(desk.settings(**ONLY_UNDERLYING), FRIDAY, desk.clock)
        assert {one.symbol: one.measured.contracts > 0 for one in page.symbols} == {"PLTR": False, "TSLA": True}

    at_a_desk(plain_database_url, tmp_path, virtual_run, main)
