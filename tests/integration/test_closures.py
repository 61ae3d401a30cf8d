"""A day on which the exchange is shut and its calendar does not know: suspected, told once, declared, taken back."""

from collections.abc import Callable, Coroutine
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import asyncpg
import pytest
from structlog.testing import capture_logs

from collector.clock.virtual_time import VirtualClock
from collector.config import Closure, EarlyClose, Settings
from collector.domain.reports.run_report import RunReport
from collector.domain.run_vocabulary import RunStatus, Window
from collector.jobs import run_reports
from collector.notify.alerts.alert_rules import Rule, run_alerts
from collector.notify.reports import wording
from collector.runs import window_run
from collector.runs.finished import Finished
from collector.runs.orders import order_for
from collector.simulator.market import Market, MarketSettings
from collector.simulator.scenarios import Scenario, named
from collector.simulator.server import Gateway
from tests.support.window_runs import narrow, parts_for

Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]
THURSDAY, FRIDAY, MONDAY = date(2026, 11, 19), date(2026, 11, 20), date(2026, 11, 23)
SHUT = MarketSettings(closed_days=(FRIDAY,))
OPEN = MarketSettings()
SETTINGS = narrow("PLTR", "TSLA", horizon_days=8, strikes=2)
DECLARED = SETTINGS.model_copy(update={"closures": (Closure(date=FRIDAY, reason="a day of mourning"),)})
LEFT = """
WITH friday AS (SELECT tstzrange('2026-11-20 05:00+00', '2026-11-21 05:00+00') AS span)
SELECT 'gaps', count(*)
FROM friday, historical_data_gaps
WHERE state <> 'filled' AND span @> gap_start
UNION ALL
SELECT 'letters', count(*)
FROM friday, dead_letters
WHERE resolved_at IS NULL AND friday.span @> lower(dead_letters.span)
UNION ALL
SELECT 'claims', count(*) FROM negative_claims WHERE session_date = '2026-11-20'
UNION ALL
SELECT 'statistics', count(*) FROM collection_statistics WHERE collection_date = '2026-11-20'
UNION ALL
SELECT 'doubts', count(*) FROM session_evidence WHERE session_date = '2026-11-20' AND plausible IS NOT NULL
"""
"""What is on record of Friday as missing."""
NOTHING = dict.fromkeys(("gaps", "letters", "claims", "statistics", "doubts"), 0)
STORED = """
SELECT count(*) > 0 FROM underlying_bars_5min WHERE time BETWEEN '2026-11-20 14:30+00' AND '2026-11-20 21:00+00'
"""


def new_york(day: int, hour: int, minute: int = 0) -> datetime:
    """Return an instant of November 2026 by its wall time in New York."""
    return datetime(2026, 11, day, tzinfo=UTC) + timedelta(hours=hour + 5, minutes=minute)


class Account:
    """A collector on a database of its own, with the simulated market and its clock."""

    def __init__(self, url: str, market: MarketSettings = SHUT) -> None:
        self.url, self.market = url, market
        self.clock = VirtualClock(new_york(19, 16, 45))

    async def run(
        self, at: datetime, window: Window, settings: Settings = SETTINGS, *scenarios: Scenario, **order: object
    ) -> tuple[Finished, RunReport]:
        """Run a window at an instant, and return how it ended with its report."""
        clock = self.clock
        await clock.sleep(max((at - clock.now()).total_seconds(), 0.0))
        pace = named("latency", median_s=0.2, seed=3)
        async with (
            Gateway(Market(7, clock, self.market), clock, [*scenarios, pace]) as gateway,
            parts_for(self.url, gateway, settings, clock) as parts,
        ):
            made = order_for(window, settings, parts.calendar, clock.now(), **order)  # type: ignore[arg-type]  # its arguments
            finished = await window_run.run(made, parts)
            return finished, await run_reports.of_run(finished, parts.db, settings, parts.calendar, clock.now())

    async def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Return the rows of a statement of the test's own."""
        with self.clock.hold():
            connection = await asyncpg.connect(self.url)
            try:
                return [tuple(row) for row in await connection.fetch(statement)]
            finally:
                await connection.close()

    async def left(self) -> dict[str, int]:
        """Return what is on record of Friday as missing."""
        return dict(await self.rows(LEFT))


def test_from_suspicion_to_declaration_and_back(plain_database_url: str, virtual_run: Run) -> None:
    """Told once by the second witness, nothing of it left once declared, asked for again once taken back."""

    async def main() -> None:
        account = Account(plain_database_url)
        assert (await account.run(new_york(19, 16, 45), Window.EOD))[0].status is RunStatus.SUCCESS

        first, report = await account.run(new_york(20, 12, 30), Window.MIDDAY)
        assert (report.closures, first.status) == ((), RunStatus.PARTIAL)
        second, report = await account.run(new_york(20, 16, 45), Window.EOD)
        (told,) = report.closures
        assert (told.session, told.symbols) == (FRIDAY, ("PLTR", "TSLA"))
        assert "no bar of PLTR, TSLA at Fri 12:3" in wording.closures(report)
        assert "add to closures in config.yaml: - {date: 2026-11-20, reason: …}" in wording.closures(report)
        alerts = run_alerts(report, SETTINGS.notify.alerts, account.clock.now())
        assert [one.key for one in alerts if one.rule is Rule.SESSION_IMPLAUSIBLE][-1:] == [
            "session_implausible:closed:2026-11-20"
        ]
        # Until its owner confirms it, what expires on it is asked on, and the alarm stays.
        assert second.status is RunStatus.PARTIAL
        assert second.expiring.at_risk > 0
        night, report = await account.run(new_york(20, 18), Window.LATE_NIGHT)
        assert (report.closures, night.status) == ((), RunStatus.PARTIAL)
        # Nothing has shown that its slots have happened: from Monday on, when bars do, they are asked for again.
        await account.run(new_york(23, 16, 45), Window.EOD)
        night, report = await account.run(new_york(23, 18), Window.LATE_NIGHT)
        assert (report.closures, night.status) == ((), RunStatus.PARTIAL)
        assert night.given_up
        left = await account.left()
        assert all(left[name] > 0 for name in ("gaps", "letters", "statistics"))

        finished, report = await account.run(new_york(24, 16, 45), Window.EOD, DECLARED)
        assert finished.status is RunStatus.SUCCESS, report.failure
        assert (finished.expiring.at_risk, finished.expiring.lost) == (0, 0)
        assert await account.left() == NOTHING
        assert await account.rows("SELECT DISTINCT resolution FROM dead_letters") == [("closed",)]
        night, _ = await account.run(new_york(24, 18), Window.LATE_NIGHT, DECLARED)
        assert night.status is RunStatus.SUCCESS
        assert await account.left() == NOTHING

        account.market = OPEN
        again, _ = await account.run(new_york(25, 16, 45), Window.EOD)
        assert again.status is RunStatus.SUCCESS
        assert (await account.left())["gaps"] > 0
        night, report = await account.run(new_york(25, 18), Window.LATE_NIGHT)
        assert await account.rows(STORED) == [(True,)]
        assert await account.rows("SELECT count(*) FROM suspected_closures") == [(0,)]
        assert report.closures == ()

    virtual_run(main)


@pytest.mark.parametrize(
    ("at", "why"),
    [
        ((new_york(20, 12, 30), new_york(20, 14, 0)), "an hour and a half apart"),
        ((new_york(20, 10, 0), new_york(20, 12, 15)), "the first within an hour of the open"),
    ],
)
def test_two_looks_too_near_to_each_other_are_one(
    plain_database_url: str, virtual_run: Run, at: tuple[datetime, datetime], why: str
) -> None:
    """Nothing is told: two witnesses are independent two hours apart, and a session may begin late."""

    async def main() -> None:
        account = Account(plain_database_url)
        await account.run(new_york(19, 16, 45), Window.EOD)
        for one in at:
            _, report = await account.run(one, Window.MIDDAY)
            assert report.closures == (), why
        witnesses = await account.rows("SELECT last_sent_at - first_sent_at < interval '2 h' FROM suspected_closures")
        assert witnesses == [(True,)]

    virtual_run(main)


def test_a_hole_of_the_source_is_no_witness(plain_database_url: str, virtual_run: Run) -> None:
    """Where the session before is as empty, IB gives nothing: no suspicion, however often."""

    async def main() -> None:
        account = Account(plain_database_url, OPEN)
        await account.run(new_york(19, 16, 45), Window.EOD)
        for at in (new_york(20, 12, 30), new_york(20, 15)):
            hole = named("silent-hole-everywhere", after_s=0.0, for_s=36_000.0)
            finished, report = await account.run(at, Window.MIDDAY, SETTINGS, hole)
            assert finished.tally.controls >= 4
            assert report.closures == ()
        assert await account.rows("SELECT count(*) FROM suspected_closures") == [(0,)]

    virtual_run(main)


def test_a_halt_of_one_symbol_is_no_witness(plain_database_url: str, virtual_run: Run) -> None:
    """While another underlying has bars the exchange is open."""

    async def main() -> None:
        account = Account(plain_database_url, OPEN)
        await account.run(new_york(19, 16, 45), Window.EOD)
        hole = named("silent-hole-everywhere", scope="symbol", symbol="TSLA", after_s=0.0, for_s=36_000.0)
        await account.run(new_york(20, 12, 30), Window.MIDDAY, SETTINGS, hole)
        assert await account.rows("SELECT count(*) FROM suspected_closures") == [(0,)]

    virtual_run(main)


def test_an_early_close_that_is_declared_later(plain_database_url: str, virtual_run: Run) -> None:
    """Gaps and dead letters of the hours after it go, the day is measured again, and is complete."""
    early = SETTINGS.model_copy(update={"early_closes": (EarlyClose(date=FRIDAY, time=time(13), reason="a storm"),)})
    whole = "SELECT symbol, data_completeness_percent FROM collection_statistics WHERE collection_date = '2026-11-20'"

    async def main() -> None:
        account = Account(plain_database_url, OPEN)
        await account.run(new_york(20, 16, 45), Window.EOD, early)
        assert {row[1] for row in await account.rows(whole)} == {100}
        # Without the declaration the afternoon is missing.
        await account.run(new_york(20, 23), Window.GAP_CHECK)
        assert {row[1] for row in await account.rows(whole)} != {100}
        assert (await account.left())["gaps"] > 0

        await account.run(new_york(21, 9), Window.GAP_CHECK, early)

        assert (await account.left())["gaps"] == 0
        assert {row[1] for row in await account.rows(whole)} == {100}

    virtual_run(main)


def test_a_closure_that_was_none(plain_database_url: str, virtual_run: Run) -> None:
    """Of a day with bars the statistics stay, for nothing would measure it again once the line is taken out."""
    whole = "SELECT * FROM collection_statistics WHERE collection_date = '2026-11-20' ORDER BY symbol"

    async def main() -> None:
        account = Account(plain_database_url, OPEN)
        await account.run(new_york(20, 16, 45), Window.EOD)
        measured = await account.rows(whole)
        assert len(measured) > 1

        with capture_logs() as logs:
            await account.run(new_york(20, 17, 30), Window.GAP_CHECK, DECLARED)

        assert await account.rows(whole) == measured
        told = [line for line in logs if line["event"] == "closures_with_bars"]
        assert [line["days"] for line in told] == [["2026-11-20"]]

    virtual_run(main)
