"""A gateway lost in the middle of a run, with real parts in virtual time: what its owner is told, when, how often."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from collector.app import composition, opening
from collector.clock.virtual_time import VirtualClock
from collector.config import DatabaseSettings, GatewaySettings, LogSettings, PacingSettings, Settings
from collector.config.notify_settings import NotifySettings
from collector.domain.conditions import ConditionKind
from collector.domain.errors import GatewayUnavailable
from collector.domain.reports.run_report import RunReport
from collector.domain.run_vocabulary import RunStatus, Window
from collector.notify.reports import report_files
from collector.runs.orders import order_for
from collector.simulator.launch import start
from collector.simulator.scenarios.pace import Latency
from tests.support.fault_proxy import FaultProxy
from tests.support.fixtures_simulator import AFTER_THE_CLOSE
from tests.support.http_peers import Pings, pings
from tests.support.mail_server import Mailbox, mail_server, mails_to
from tests.support.window_runs import narrow

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="notify-send is Linux's")

Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]

CUT_AFTER_S = 60.0
UNRELATED = ("login_due", "completeness_low", "quality_low", "new_contracts")
"""Said of such a Friday evening anyway."""

WITHIN = timedelta(minutes=5)
ANSWER_S = 20.0
"""Of one request, one at a time: so some two hundred of them take an hour."""


@dataclass
class Owner:
    """What reaches the owner, and the instant at which each channel brought something first."""

    clock: VirtualClock
    mailbox: Mailbox
    hooks: Pings
    shown: Path
    first: dict[str, datetime]

    @property
    def subjects(self) -> list[str]:
        """The subjects of the mails, in order."""
        return [str(mail["Subject"]) for mail in self.mailbox.received]

    @property
    def posted(self) -> list[str]:
        """What was posted, in order: trigger or resolve, and the alert's key."""
        found = [json.loads(body) for body in self.hooks.bodies]
        return [f"{one['event_action']} {one['dedup_key']}" for one in found]

    @property
    def notifications(self) -> list[str]:
        """The titles of what the desktop showed."""
        return self.shown.read_text(encoding="utf-8").splitlines() if self.shown.exists() else []

    async def look(self) -> None:
        """Take down when something comes."""
        while True:
            for channel, came in (("mail", self.subjects), ("webhook", self.posted), ("desktop", self.notifications)):
                if came:
                    self.first.setdefault(channel, self.clock.now())
            await self.clock.sleep(1.0)


@dataclass
class Home:
    """A collector, its gateway behind a proxy, and its owner."""

    settings: Settings
    clock: VirtualClock
    proxy: FaultProxy
    owner: Owner

    async def window(self, window: Window = Window.EOD) -> composition.Outcome:
        """Run a window."""
        order = order_for(window, self.settings, opening.calendar(self.settings), self.clock.now())
        return await composition.run_window(self.settings, order, self.clock)

    async def cut(self) -> None:
        """Take the gateway away."""
        await self.proxy.refuse()
        self.proxy.drop()


@asynccontextmanager
async def home(url: str, folder: Path) -> AsyncIterator[Home]:
    """Set it all up, after Friday's close."""
    clock = VirtualClock(AFTER_THE_CLOSE)
    gateway = await start(clock=clock, scenarios=[Latency(median_s=ANSWER_S, spread=0.0, longest_s=60.0)])
    async with AsyncExitStack() as stack:
        stack.push_async_callback(gateway.stop)
        proxy = await stack.enter_async_context(FaultProxy((gateway.host, gateway.port), clock=clock))
        mailbox, hooks = Mailbox(), await stack.enter_async_context(pings())
        mails = mails_to(await stack.enter_async_context(mail_server(mailbox)))
        notify = NotifySettings.model_validate(
            {
                "smtp": mails.smtp.model_dump(),
                "desktop": {"enabled": True},
                "webhooks": [{"kind": "pagerduty", "url": hooks.url("/"), "token": "key"}],
                "alerts": dict.fromkeys(UNRELATED, "off"),
            }
        )
        settings = narrow(
            "PLTR",
            horizon_days=7,
            strikes=10,
            database=DatabaseSettings(url=SecretStr(url)),
            gateway=GatewaySettings(port=proxy.port),
            pacing=PacingSettings(adaptive=False, open_requests=1, start_in_flight=1),
            log=LogSettings(directory=folder),
            notify=notify,
        )
        owner = Owner(clock, mailbox, hooks, folder / "shown", {})
        looking = asyncio.create_task(owner.look())
        stack.callback(looking.cancel)
        yield Home(settings, clock, proxy, owner)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for logs and mails, and a desktop whose program writes down the titles that it is given."""
    program = tmp_path / "bin" / "notify-send"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$4" >> {tmp_path / "shown"}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return tmp_path


def report_of(folder: Path, run_id: int) -> RunReport:
    """Return a run's report from its file."""
    return report_files.read(folder, run_id)


def test_one_mail_within_five_minutes_and_one_end(plain_database_url: str, folder: Path, virtual_run: Run) -> None:
    """Cut 60 s into an hour's run, back 15 minutes later: told once by each channel; the end says how long."""

    async def main() -> None:
        async with home(plain_database_url, folder) as own:
            began = own.clock.now()

            async def trouble() -> None:
                await own.clock.sleep(CUT_AFTER_S)
                await own.cut()
                await own.clock.sleep(900.0)
                assert len(own.owner.subjects) == len(own.owner.posted) == len(own.owner.notifications) == 1
                await own.proxy.accept()

            async with asyncio.TaskGroup() as group:
                group.create_task(trouble())
                outcome = await own.window()
            cut_at = began + timedelta(seconds=CUT_AFTER_S)
            assert outcome.report.status is RunStatus.SUCCESS, outcome.report.failure
            assert own.clock.now() - began > timedelta(minutes=50)
            owner = own.owner
            assert {channel: at - cut_at < WITHIN for channel, at in owner.first.items()} == {
                "mail": True,
                "webhook": True,
                "desktop": True,
            }
            told, end = owner.mailbox.received
            assert str(told["Subject"]).startswith("[collector] eod 2026-11-20 RUNNING · gateway away since 17:01")
            assert timedelta(minutes=2) <= parsedate_to_datetime(str(told["Date"])) - cut_at < WITHIN
            assert str(end["Subject"]).startswith("[collector] RECOVERED · eod 2026-11-20 OK")
            body = end.get_body(("plain",))
            assert body is not None
            assert "gateway away from 17:01 to 17:1" in body.get_content()
            assert owner.posted == ["trigger gateway_unreachable", "resolve gateway_unreachable"]
            assert owner.notifications == [str(told["Subject"])]
            (condition,) = outcome.report.conditions
            assert condition.kind is ConditionKind.GATEWAY_AWAY
            assert condition.until is not None
            assert abs((condition.since - cut_at).total_seconds()) <= 10.0
            assert timedelta(minutes=15) <= condition.until - condition.since < timedelta(minutes=18)

    virtual_run(main)


def test_a_night_of_it_is_told_once(plain_database_url: str, folder: Path, virtual_run: Run) -> None:
    """The gateway stays away for the rest of that run and for two more attempts: no second word until it is back."""

    async def main() -> None:
        async with home(plain_database_url, folder) as own:

            async def trouble() -> None:
                await own.clock.sleep(CUT_AFTER_S)
                await own.cut()

            async with asyncio.TaskGroup() as group:
                group.create_task(trouble())
                outcome = await own.window()
            assert isinstance(outcome.error, GatewayUnavailable)
            (condition,) = outcome.report.conditions
            assert condition.until is None
            for _ in range(2):
                await own.clock.sleep(3600.0)
                assert isinstance((await own.window()).error, GatewayUnavailable)
            owner = own.owner
            assert len(owner.subjects) == 1, owner.subjects
            assert owner.posted == ["trigger gateway_unreachable"]
            assert len(owner.notifications) == 1, owner.notifications
            await own.proxy.accept()
            back = await own.window()
            assert back.report.status is RunStatus.SUCCESS, back.report.failure
            assert len(owner.subjects) == 2, owner.subjects
            assert owner.subjects[1].startswith("[collector] RECOVERED · eod 2026-11-20 OK")
            assert owner.posted == ["trigger gateway_unreachable", "resolve gateway_unreachable"]
            assert len(owner.notifications) == 1, owner.notifications

    virtual_run(main)
