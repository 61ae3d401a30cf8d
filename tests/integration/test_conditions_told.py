"""Conditions told while a run is at work, by files, a real mail server and a real service; dying at any step of it."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest

from collector.clock import SystemClock
from collector.clock.virtual_time import VirtualClock
from collector.config.notify_settings import NotifySettings
from collector.domain.conditions import Condition, ConditionKind
from collector.domain.reports.report_document import from_document, to_document
from collector.domain.reports.run_report import Environment, RunReport
from collector.domain.run_vocabulary import RunStatus, Window
from collector.ib.pacing import PacingSettings
from collector.notify.alerts.alert_memory import AlertFile
from collector.notify.channels.mail import MailChannel
from collector.notify.channels.outbox import Outbox
from collector.notify.channels.webhook import WebhookChannel
from collector.notify.fan_out import Notifier
from collector.notify.reports import examples
from collector.runs import window_run
from collector.runs.finished import Finished
from collector.runs.orders import order_for
from collector.simulator.launch import start
from collector.simulator.request_log import Kind, Request
from collector.simulator.scenarios import named
from collector.simulator.scenarios.base import Reaction, Silence
from collector.simulator.scenarios.outages import OtherLogin
from collector.simulator.scenarios.pace import Latency
from tests.support.arena import Arena
from tests.support.fault_proxy import FaultProxy
from tests.support.fixtures_simulator import AFTER_THE_CLOSE
from tests.support.http_peers import Pings, pings
from tests.support.mail_server import Mailbox, mail_server, mails_to
from tests.support.waiting import until
from tests.support.window_runs import narrow, parts_for

Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]

NOON = datetime(2026, 11, 20, 21, 49, tzinfo=UTC)
SECRET = "gY3kq9ZtLw0aXr5VbN2m"  # noqa: S105 - planted on purpose
AWAY = Condition(kind=ConditionKind.GATEWAY_AWAY, reason=f"refused, login {SECRET}", since=NOON, there_s=120.0)
AT_WORK = replace(examples.at_work(), conditions=(AWAY,))
WELL = replace(examples.success(), environment=Environment())


class Died(BaseException):
    """The process is gone: nothing after it happens."""


def die(*_: object, **__: object) -> NoReturn:
    """Die."""
    raise Died


def notifier(folder: Path, mail_port: int, hooks: Pings, **alerts: object) -> Notifier:
    """Return what a process of its own tells with."""
    settings = NotifySettings.model_validate(
        {
            "smtp": mails_to(mail_port).smtp.model_dump() | {"attempts": 1},
            "webhooks": [{"kind": "pagerduty", "url": hooks.url("/"), "token": "key", "attempts": 1}],
            "alerts": {"collection_success": "off", **alerts},
            "pictures": False,
        }
    )
    return Notifier(settings, log_directory=folder, clock=SystemClock(NOON + timedelta(minutes=3)), secrets=[SECRET])


def posted(hooks: Pings) -> list[str]:
    """Return what was posted: trigger or resolve, and of what."""
    found = [json.loads(body) for body in hooks.bodies]
    return [f"{one['event_action']} {one['dedup_key']}" for one in found]


async def told_by(told: Notifier, condition: Condition = AWAY, report: RunReport = AT_WORK) -> None:
    """Tell; a process that dies over it says nothing more."""
    try:
        await told.condition_lasts(report, condition)
    except Died:
        return


async def test_each_channel_once_and_one_end(tmp_path: Path) -> None:
    """Two attempts tell of the same outage, a complete run ends it: one mail and one incident, closed by the end."""
    mailbox = Mailbox()
    async with mail_server(mailbox) as port, pings() as hooks:
        await told_by(notifier(tmp_path, port, hooks))
        later = replace(AWAY, since=NOON + timedelta(hours=1), reason="still refused")
        await told_by(notifier(tmp_path, port, hooks), later)
        await notifier(tmp_path, port, hooks).run_finished(WELL)

    assert [str(mail["Subject"]) for mail in mailbox.received] == [
        "[collector] eod 2026-11-20 RUNNING · gateway away since 16:49 New York",
        f"[collector] RECOVERED · eod 2026-11-20 OK · 99.8 % · {WELL.bars - 237:,} option bars and 237 of underlyings",
    ]
    assert posted(hooks) == ["trigger gateway_unreachable", "resolve gateway_unreachable"]
    everything = "".join(mail.as_string() for mail in mailbox.received) + "".join(hooks.bodies)
    assert SECRET not in everything + (tmp_path / "email_notifications" / "alerts.json").read_text()


def _saves(number: int) -> Callable[[pytest.MonkeyPatch], None]:
    """Die instead of writing the memory for the so-manieth time."""

    def arm(patch: pytest.MonkeyPatch) -> None:
        whole, count = AlertFile.save, [0]

        def save(self: AlertFile, memory: object) -> None:
            count[0] += 1
            if count[0] == number:
                die()
            whole(self, memory)  # type: ignore[arg-type]  # what the caller has

        patch.setattr(AlertFile, "save", save)

    return arm


def _speaks(patch: pytest.MonkeyPatch) -> None:
    """Die when the channels speak; all of them, since what one had begun would go on in the test's own process."""
    for channel in (MailChannel, WebhookChannel):
        patch.setattr(channel, "tell", die)


@pytest.mark.parametrize(
    ("arm", "posts"),
    [
        (_saves(1), 1),
        (lambda patch: patch.setattr(Outbox, "keep", die), 1),
        (_saves(2), 1),
        (_speaks, 0),
    ],
    ids=["before-anything-is-written", "before-the-mail-is-kept", "before-it-is-known-as-told", "before-it-is-posted"],
)
async def test_a_process_that_dies_over_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arm: Callable[[pytest.MonkeyPatch], None], posts: int
) -> None:
    """Wherever it dies, the second attempt brings the owner exactly one mail; what was to be posted is not kept."""
    mailbox = Mailbox()
    async with mail_server(mailbox) as port, pings() as hooks:
        with monkeypatch.context() as patch:
            arm(patch)
            await told_by(notifier(tmp_path, port, hooks))
        second = replace(AWAY, since=NOON + timedelta(minutes=30))
        await told_by(notifier(tmp_path, port, hooks), second)
        await told_by(notifier(tmp_path, port, hooks), second)

    assert len(mailbox.received) == 1, [mail["Subject"] for mail in mailbox.received]
    assert posted(hooks) == ["trigger gateway_unreachable"] * posts


async def test_two_processes_at_once(tmp_path: Path) -> None:
    """A run and another beside it that see the same at the same moment tell it once."""
    mailbox = Mailbox()
    async with mail_server(mailbox) as port, pings() as hooks:
        await asyncio.gather(*(told_by(notifier(tmp_path, port, hooks)) for _ in range(4)))

    assert len(mailbox.received) == 1
    assert posted(hooks) == ["trigger gateway_unreachable"]


async def test_channels_and_times_of_the_rule(tmp_path: Path) -> None:
    """A rule that names its channels is told there alone; one that is not immediate waits for the end of the run."""
    mailbox = Mailbox()
    async with mail_server(mailbox) as port, pings() as hooks:
        await told_by(notifier(tmp_path / "a", port, hooks, gateway_unreachable={"channels": ["pagerduty"]}))
        assert (len(mailbox.received), posted(hooks)) == (0, ["trigger gateway_unreachable"])
        await told_by(notifier(tmp_path / "b", port, hooks, gateway_unreachable={"channels": ["mail"]}))
        assert (len(mailbox.received), len(hooks.bodies)) == (1, 1)
        await told_by(notifier(tmp_path / "c", port, hooks, gateway_unreachable="after_completion"))
        assert (len(mailbox.received), len(hooks.bodies)) == (1, 1)


async def test_a_mail_server_that_is_down_gets_it_later_once(tmp_path: Path) -> None:
    """What could not be sent while the run was at work is sent when it ends, and is not told again."""
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        pass
    async with pings() as hooks:
        await told_by(notifier(tmp_path, port, hooks))
        async with mail_server(mailbox) as port:
            await notifier(tmp_path, port, hooks).run_finished(WELL)

    assert [str(mail["Subject"]).split(" · ")[0] for mail in mailbox.received] == [
        "[collector] eod 2026-11-20 RUNNING",
        "[collector] RECOVERED",
    ]


async def test_where_nothing_can_be_written_it_is_posted(tmp_path: Path) -> None:
    """No outbox, no memory: the other channels are told all the same."""
    blocked = tmp_path / "file"
    blocked.write_text("a file where a folder should be")
    mailbox = Mailbox()
    async with mail_server(mailbox) as port, pings() as hooks:
        await told_by(notifier(blocked, port, hooks))

    assert posted(hooks) == ["trigger gateway_unreachable"]


class Speechless(OtherLogin):
    """A gateway that lives, and answers no request for history."""

    name = "speechless"

    def during(self, entry: Request) -> Reaction | None:
        """Say nothing."""
        return Silence() if self._elsewhere and entry.kind is Kind.HISTORICAL else None


@pytest.mark.parametrize(
    ("name", "options", "kind"),
    [
        ("other-login", {"at_request": 12, "for_s": 900.0}, ConditionKind.OTHER_LOGIN),
        ("farm-down", {"at_request": 12, "for_s": 900.0}, ConditionKind.FARM_AWAY),
        ("link-lost", {"at_request": 12, "for_s": 900.0}, ConditionKind.GATEWAY_AWAY),
        ("nightly-restart", {"at_request": 12, "for_s": 900.0}, ConditionKind.GATEWAY_AWAY),
        ("speechless", {"at_request": 12, "for_s": 400.0}, ConditionKind.BREAKER_OPEN),
        ("pacing", {"hits": 6, "share": 1.0}, ConditionKind.PACING_PAUSE),
    ],
)
def test_each_kind_is_told_by_a_run(
    plain_database_url: str, virtual_run: Run, name: str, options: dict[str, Any], kind: ConditionKind
) -> None:
    """A run that meets it tells it within five minutes of its beginning, once, and knows when it ended."""

    async def main() -> None:
        clock, told = VirtualClock(AFTER_THE_CLOSE), list[tuple[Condition, datetime]]()
        scenario = Speechless(**options) if name == Speechless.name else named(name, **options)
        gateway = await start(clock=clock, scenarios=[scenario, Latency(median_s=2.0, spread=0.0)])
        settings = narrow("PLTR", horizon_days=1, strikes=3)

        async def tell(_finished: Finished, condition: Condition) -> None:
            told.append((condition, clock.now()))

        pacing = PacingSettings(adaptive=False, open_requests=14)
        async with parts_for(plain_database_url, gateway, settings, clock, pacing, patience_s=120.0) as parts:
            order = order_for(Window.EOD, settings, parts.calendar, clock.now())
            finished = await window_run.run(order, replace(parts, tell=tell))
        await gateway.stop()
        assert finished.status in (RunStatus.SUCCESS, RunStatus.PARTIAL), finished.error
        first, at = next((one, at) for one, at in told if one.kind is kind)
        assert at - first.since <= timedelta(minutes=5)
        kinds = [one.kind for one, _ in told]
        assert len(kinds) == len(set(kinds))
        assert all(one.until is not None for one in finished.conditions if one.lasts)

    virtual_run(main)


class FastClock(SystemClock):
    """A clock that runs forty times as fast: a database that hangs can be awaited in real time only."""

    def __init__(self, start: datetime) -> None:
        super().__init__()
        self._start, self._began = start, super().monotonic()

    def now(self) -> datetime:
        """Return the instant that this clock has come to."""
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Return its seconds since it was made."""
        return (super().monotonic() - self._began) * 40

    async def sleep(self, seconds: float) -> None:
        """Wait for so many of its seconds."""
        await super().sleep(seconds / 40)


async def test_a_database_that_hangs(plain_database_url: str) -> None:
    """The server takes every byte and says nothing: told while the run waits for it; then it goes on to a good end."""
    clock, told = FastClock(AFTER_THE_CLOSE), list[Condition]()
    arena = Arena(plain_database_url)
    gateway = await start(clock=clock, scenarios=[Latency(median_s=4.0, spread=0.0)])
    settings = narrow("PLTR", horizon_days=1, strikes=3)
    async with FaultProxy(arena.target) as proxy:

        async def tell(_finished: Finished, condition: Condition) -> None:
            told.append(condition)
            proxy.resume()

        async def hang() -> None:
            await until(lambda: gateway.log.historical, "the first request for history")
            proxy.stall()

        async with parts_for(arena.through(proxy), gateway, settings, clock) as parts, asyncio.TaskGroup() as group:
            group.create_task(hang())
            order = order_for(Window.EOD, settings, parts.calendar, clock.now())
            finished = await window_run.run(order, replace(parts, tell=tell))
    await gateway.stop()
    assert [one.kind for one in told] == [ConditionKind.DATABASE_AWAY]
    assert finished.status is RunStatus.SUCCESS, finished.error
    (condition,) = finished.conditions
    assert condition.until is not None
    assert condition.told


def test_a_report_with_conditions_is_read_back() -> None:
    """The file of a report holds them, with their kinds and instants."""
    report = examples.held_up()
    assert from_document(RunReport, json.loads(json.dumps(to_document(report)))) == report
