"""What awaits a second witness: a success, due again, told once; and sessions too empty to be true."""

from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from pydantic import SecretStr

from collector.app import composition, maintenance, metrics, opening, reading
from collector.app.figures import stored
from collector.cli.exits import Exit, of_status
from collector.clock.virtual_time import VirtualClock
from collector.config import Settings, WindowsSettings
from collector.config.connection_settings import DatabaseSettings, GatewaySettings
from collector.config.operation_settings import LogSettings
from collector.db.contracts import contract_tables as contracts
from collector.domain.errors import NotASession, UsageError
from collector.domain.reports.run_report import Cause, RunReport
from collector.domain.run_vocabulary import BY_HAND, RunStatus, Window
from collector.notify.reports import report_files, wording
from collector.runs.evidence import weighing
from collector.runs.orders import order_for
from collector.simulator.market import Market
from collector.simulator.scenarios.untruths import SilentHole
from collector.simulator.server import Gateway
from tests.support.dark_contracts import HalfDark, OneDark
from tests.support.http_peers import samples
from tests.support.window_runs import FRIDAY, narrow, no_bar

Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]
NEW_YORK = ZoneInfo("America/New_York")
EOD = datetime(2026, 11, 20, 16, 45, tzinfo=NEW_YORK)
SLOTS = 78
"""Of PLTR's session: 09:30 to 16:00."""


def configured(url: str, gateway: Gateway, folder: Path, *windows: str) -> Settings:
    """Return a configuration of ten contracts of PLTR that expire on Friday, and of eod alone or of some windows."""
    names = {window.value for window in Window if window not in BY_HAND}
    chosen = {name: {"enabled": name in (windows or ("eod",))} for name in names}
    return narrow(
        "PLTR",
        database=DatabaseSettings(url=SecretStr(url)),
        gateway=GatewaySettings(host=gateway.host, port=gateway.port),
        windows=WindowsSettings.model_validate(chosen),
        log=LogSettings(directory=folder),
    )


async def due_now(settings: Settings, clock: VirtualClock) -> list[RunReport]:
    """Run what is due; return the reports."""
    return [outcome.report for outcome in await composition.run_due(settings, clock, no_bar)]


async def claims(url: str, clock: VirtualClock) -> dict[str, int]:
    """Return how many claims there are by state."""
    with clock.hold():
        connection = await asyncpg.connect(url)
        try:
            rows = await connection.fetch("SELECT state, count(*) AS n FROM negative_claims GROUP BY state")
        finally:
            await connection.close()
    return {row["state"]: row["n"] for row in rows}


def mails(folder: Path) -> list[str]:
    """Return the mails that were written, by name."""
    return sorted(path.name for path in (folder / "email_notifications").rglob("*.eml"))


def test_an_empty_contract_is_confirmed_half_an_hour_later(
    plain_database_url: str, virtual_run: Run, tmp_path: Path
) -> None:
    """Its three series await: a success; due again when the oldest is half an hour old; then settled, and no mail."""

    async def main() -> None:
        clock = VirtualClock(EOD)
        hole = OneDark(after_s=0.0, for_s=30 * 3600.0)
        async with Gateway(Market(7, clock), clock, [hole]) as gateway:
            settings = configured(plain_database_url, gateway, tmp_path)
            (first,) = await due_now(settings, clock)
            dark = {hit.con_id for hit in hole.struck}
            assert (first.status, of_status(first.status)) == (RunStatus.SUCCESS, Exit.SUCCESS)
            assert len(dark) == 1
            assert first.awaiting >= 3 * SLOTS
            assert first.awaiting == sum(one.expected - one.settled for one in first.symbols)
            assert first.expiring.awaiting >= 1
            assert first.expiring.at_risk == 0
            assert first.gaps.still_open == 0
            assert first.confirm_at is not None
            assert timedelta(minutes=30) <= first.confirm_at - EOD <= timedelta(minutes=32)
            assert "series-slots await confirmation" in wording.headline(first)
            assert len(mails(tmp_path)) == 1

            await clock.sleep((first.confirm_at - clock.now()).total_seconds() - 60)
            assert await due_now(settings, clock) == []
            await clock.sleep(60)
            asked = len(gateway.log.historical)
            (second,) = await due_now(settings, clock)
            again = [one for one in gateway.log.historical[asked:] if one.con_id in dark]
            assert (second.window, second.attempt, second.confirming) == (Window.EOD, 2, True)
            assert (second.status, second.awaiting, second.confirm_at) == (RunStatus.SUCCESS, 0, None)
            assert second.completeness == 1.0
            assert sorted(one.what_to_show for one in again) == ["ASK", "BID", "TRADES"]
            assert await claims(plain_database_url, clock) == {}
            assert len(mails(tmp_path)) == 1  # the verdict has not changed
            assert report_files.read(tmp_path, second.run_id) == second
            assert [run.attempt for run in (await reading.overview(settings, FRIDAY, clock)).runs] == [1, 2]
            assert await due_now(settings, clock) == []

    virtual_run(main)


def test_what_was_called_empty_just_now_is_not_asked_again(
    plain_database_url: str, virtual_run: Run, tmp_path: Path
) -> None:
    """Ten minutes later a run by hand leaves it alone; --force and a session that was forgotten ask for it."""

    async def main() -> None:
        clock = VirtualClock(EOD)
        hole = OneDark(after_s=0.0, for_s=30 * 3600.0)
        async with Gateway(Market(7, clock), clock, [hole]) as gateway:
            settings = configured(plain_database_url, gateway, tmp_path)
            await due_now(settings, clock)
            (dark,) = {hit.con_id for hit in hole.struck}

            async def asked(*, force: bool = False) -> int:
                before = len(gateway.log.historical)
                order = order_for(Window.EOD, settings, opening.calendar(settings), clock.now(), force=force)
                outcome = await composition.run_window(settings, order, clock)
                assert outcome.report.status is RunStatus.SUCCESS
                return sum(one.con_id == dark for one in gateway.log.historical[before:])

            await clock.sleep(600)
            assert await asked() == 0
            assert await asked(force=True) == 3
            assert await maintenance.forget(settings, FRIDAY, ["PLTR"], clock) > 0
            assert await asked() >= 3

    virtual_run(main)


def test_after_a_day_nobody_waits_any_more(plain_database_url: str, virtual_run: Run, tmp_path: Path) -> None:
    """Without late_night the gap check of the day after next holds what awaits: it becomes a gap, with the reason."""

    async def main() -> None:
        clock = VirtualClock(EOD)
        async with Gateway(Market(7, clock), clock, [OneDark(after_s=0.0, for_s=30 * 3600.0)]) as gateway:
            settings = configured(plain_database_url, gateway, tmp_path)
            (first,) = await due_now(settings, clock)
            before = await claims(plain_database_url, clock)
            assert set(before) == {"awaiting"}
            for hours, state in ((23, "awaiting"), (2, "held")):
                await clock.sleep(hours * 3600)
                order = order_for(Window.GAP_CHECK, settings, opening.calendar(settings), clock.now(), day=FRIDAY)
                await composition.run_window(settings, order, clock)
                assert await claims(plain_database_url, clock) == {state: before["awaiting"]}
            # Weighing again, without anything new, does not take the waiting up again.
            async with opening.database(settings, clock) as db:
                known = await contracts.underlying(db, "PLTR")
                assert known is not None
                await weighing.weigh(db, settings, opening.calendar(settings), [known], None)
            assert await claims(plain_database_url, clock) == {"held": before["awaiting"]}
            figures = metrics.exposition(await gathered(settings, clock), clock.now())
            assert samples(figures)["collector_series_awaiting"] == 0
            assert first.awaiting

    virtual_run(main)


async def gathered(settings: Settings, clock: VirtualClock) -> stored.Figures:
    """Return the metrics' figures."""
    async with opening.database(settings, clock) as db:
        return await stored.Reading(settings, opening.calendar(settings)).figures(db, clock.now())


def test_late_night_ends_the_waiting(plain_database_url: str, virtual_run: Run, tmp_path: Path) -> None:
    """Late_night asks for what awaits; what its empty answers cannot prove, since nothing has bars, is held."""

    async def main() -> None:
        clock = VirtualClock(EOD)
        async with Gateway(Market(7, clock), clock, [OneDark(after_s=0.0, for_s=30 * 3600.0)]) as gateway:
            await due_now(configured(plain_database_url, gateway, tmp_path), clock)
        assert set(await claims(plain_database_url, clock)) == {"awaiting"}
        await clock.sleep(80 * 60)  # past 18:00 in New York
        everything = SilentHole(after_s=0.0, for_s=3600.0)
        async with Gateway(Market(7, clock), clock, [everything]) as gateway:
            settings = configured(plain_database_url, gateway, tmp_path, "late_night")
            order = order_for(Window.LATE_NIGHT, settings, opening.calendar(settings), clock.now())
            outcome = await composition.run_window(settings, order, clock)
        report = outcome.report
        assert (report.status, of_status(report.status)) == (RunStatus.PARTIAL, Exit.PARTIAL)
        assert report.unproven >= 3
        assert report.failure is not None
        assert "came back empty, with no bars just before and after" in report.failure.message
        assert set(await claims(plain_database_url, clock)) == {"held"}
        assert report.awaiting == 0
        assert report.gaps.still_open >= 3

    virtual_run(main)


def test_a_session_too_empty_to_be_true_is_said_first_and_can_be_accepted(
    plain_database_url: str, virtual_run: Run, tmp_path: Path
) -> None:
    """Half of the contracts are dark: exit 3, the mail says it first; twice so, and accepted, it settles at once."""

    async def main() -> None:
        clock = VirtualClock(EOD)
        async with Gateway(Market(7, clock), clock, [HalfDark(after_s=0.0, for_s=30 * 3600.0)]) as gateway:
            settings = configured(plain_database_url, gateway, tmp_path)
            with pytest.raises(UsageError, match="nothing is known of XYZ"):
                await maintenance.accept(settings, FRIDAY, ["XYZ"], clock)
            (first, *_) = await due_now(settings, clock)
            assert (first.status, of_status(first.status)) == (RunStatus.PARTIAL, Exit.PARTIAL)
            (found,) = first.implausible
            dark, contracts = int(found.words.split()[0]), first.contracts
            assert (found.symbol, found.session) == ("PLTR", FRIDAY)
            assert found.words == f"{dark} of {contracts} contracts have no bar at all"
            assert wording.headline(first) == (
                f"Do not trust Fri 20 Nov: {dark} of {contracts} contracts of PLTR have no bar at all. "
                "Nothing of what came back empty is settled; the next window asks again."
            )
            assert first.failure is not None
            assert first.failure.cause is Cause.IMPLAUSIBLE
            assert first.failure.hint.endswith("collector coverage accept --session 2026-11-20")
            assert first.awaiting == 0
            assert first.expiring.at_risk >= dark
            assert set(await claims(plain_database_url, clock)) == {"held"}
            overview = await reading.overview(settings, FRIDAY, clock)
            assert overview.implausible == (found,)
            assert (await gathered(settings, clock)).implausible == 1

            await clock.sleep(31 * 60)
            order = order_for(Window.EOD, settings, opening.calendar(settings), clock.now())
            assert (await composition.run_window(settings, order, clock)).report.status is RunStatus.PARTIAL
            weighed = await maintenance.accept(settings, FRIDAY, ["PLTR"], clock)
            assert (weighed.implausible, weighed.settled >= 3 * dark, weighed.awaiting) == ([], True, 0)
            assert await claims(plain_database_url, clock) == {}
            last = (await composition.run_window(settings, order, clock)).report
            assert (last.status, last.completeness, last.gaps.still_open) == (RunStatus.SUCCESS, 1.0, 0)
            assert (await reading.overview(settings, FRIDAY, clock)).implausible == ()

    virtual_run(main)


def test_a_session_that_is_not_over_cannot_be_accepted(
    plain_database_url: str, virtual_run: Run, tmp_path: Path
) -> None:
    """How empty it is cannot be known; nor is a holiday a session."""

    async def main() -> None:
        clock = VirtualClock(datetime(2026, 11, 20, 12, 0, tzinfo=NEW_YORK))
        settings = narrow("PLTR", database=DatabaseSettings(url=SecretStr(plain_database_url)))
        with pytest.raises(UsageError, match="the session of 2026-11-20 is not over"):
            await maintenance.accept(settings, FRIDAY, (), clock)
        with pytest.raises(NotASession):
            await maintenance.accept(settings, FRIDAY + timedelta(days=1), (), clock)

    virtual_run(main)


pytestmark = pytest.mark.usefixtures("quiet_faults")


def test_witnesses_of_what_does_not_exist_are_refused(
    plain_database_url: str, virtual_run: Run, tmp_path: Path
) -> None:
    """A symbol that is not known, or a session that has not opened, is no "nothing waits"."""

    async def main() -> None:
        clock = VirtualClock(EOD)
        async with Gateway(Market(7, clock), clock, [OneDark(after_s=0.0, for_s=3600.0)]) as gateway:
            settings = configured(plain_database_url, gateway, tmp_path)
            await due_now(settings, clock)
            found = await reading.witnessed(settings, FRIDAY, ["PLTR"], clock)
            assert "awaiting" in {one.state for one in found}
            with pytest.raises(UsageError, match="nothing is known of XYZ"):
                await reading.witnessed(settings, FRIDAY, ["XYZ"], clock)
            with pytest.raises(UsageError, match="has not opened"):
                await reading.witnessed(settings, FRIDAY + timedelta(days=3), (), clock)

    virtual_run(main)
