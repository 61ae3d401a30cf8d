"""Webhooks over a real socket: what each service is sent, what is repeated, and what nobody gets to see.

The documents are written down as the services document them: Slack's incoming webhooks, Discord's execute webhook,
ntfy's publishing as JSON, PagerDuty's Events API v2, Opsgenie's Alert API.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from collector.clock import SystemClock
from collector.clock.virtual_time import VirtualClock, VirtualTimeLoop
from collector.config import DeadManSettings, NotifySettings
from collector.config.notify_settings import WebhookSettings
from collector.domain.reports.run_report import Cause, Environment, FailureReport, RunReport
from collector.domain.run_vocabulary import RunStatus, Stage, Window
from collector.notify.channels.channel import Delivery
from collector.notify.channels.webhook_template import Request, Template
from collector.notify.fan_out import Notifier
from collector.notify.reports import examples
from collector.notify.reports.mail_rendering import Renderer
from tests.support.fault_proxy import unused_port
from tests.support.http_peers import Pings, pings
from tests.support.mail_server import Mailbox, mail_server, mails_to

START = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
SECRET = "gY3kq9ZtLw0aXr5VbN2m"  # noqa: S105 - planted on purpose
TOKEN = "r0ut1ng-k3y-0123456789"  # noqa: S105 - planted on purpose
SUBJECT = "[collector] morning 2026-11-20 PREFLIGHT FAILED · gateway down"
SENTENCE = "IB's gateway cannot be reached: <no> answer & no reset"
TEXT = f"{SENTENCE} Start it and log in; the next window then collects what was missed."
KEY = "gateway_unreachable"

DOWN = RunReport(
    run_id=0,
    window=Window.MORNING,
    session=date(2026, 11, 20),
    status=RunStatus.FAILED,
    started=START,
    completed=START + timedelta(seconds=20),
    failure=FailureReport(
        stage=Stage.PREFLIGHT, cause=Cause.GATEWAY_DOWN, message="<no> answer & no reset", resume="collector run"
    ),
)
UP = replace(examples.success(), environment=Environment())
RECOVERED = f"[collector] RECOVERED · eod 2026-11-20 OK · 99.8 % · {UP.bars - 237:,} option bars and 237 of underlyings"
FULL = RunReport(
    run_id=7,
    window=Window.GAP_CHECK,
    session=date(2026, 11, 20),
    status=RunStatus.SUCCESS,
    started=START,
    completed=START,
    environment=Environment(disk_free_bytes=7_400_000_000, disk_used=0.94),
)
QUIET = {"collection_success": "off", "collection_failed": "off"}


class _StillClock(SystemClock):
    """Real waits at an instant that stays."""

    def now(self) -> datetime:
        return START


def _hook(kind: str, received: Pings, path: str = f"/{SECRET}", **more: object) -> dict[str, object]:
    return {"kind": kind, "url": received.url(path), "timeout_s": 5, "retry_wait_s": 0.01, **more}


def _notifier(folder: Path, *hooks: Mapping[str, object], **more: object) -> Notifier:
    settings = NotifySettings.model_validate({"webhooks": list(hooks), "alerts": QUIET, "pictures": False, **more})
    return Notifier(settings, log_directory=folder, clock=_StillClock(), host="box")


def _bodies(received: Pings) -> list[Any]:
    return [json.loads(body) for body in received.bodies]


async def _down_and_up(folder: Path, kind: str, **more: Any) -> Pings:  # noqa: ANN401 - settings of any type
    """Tell an outage and its end; each run is a process of its own."""
    async with pings() as received:
        for report in (DOWN, UP):
            hook = _hook(kind, received, **more)
            results = await _notifier(folder, hook).run_finished(report)
            assert [(d.channel, d.ok) for d in results] == [("outbox", True), (kind, True)]
    assert all("Content-Type: application/json\r\n" in head for head in received.heads)
    return received


async def test_slack(tmp_path: Path) -> None:
    """A fallback text and blocks of mrkdwn; &, < and > are written as Slack wants them, so that nobody is mentioned."""
    received = await _down_and_up(tmp_path, "slack")

    sentence = "IB's gateway cannot be reached: &lt;no&gt; answer &amp; no reset"
    text = f"{sentence} Start it and log in; the next window then collects what was missed."
    assert received.paths == [f"/{SECRET}"] * 2
    assert _bodies(received) == [
        {
            "text": f":red_circle: {SUBJECT}: {sentence}",
            "blocks": [
                {"type": "section", "text": {"type": "mrkdwn", "text": f":red_circle: *{SUBJECT}*\n{text}"}},
                {"type": "context", "elements": [{"type": "mrkdwn", "text": f"critical · {KEY} · box"}]},
            ],
        },
        {
            "text": f":large_green_circle: {RECOVERED}: Over: {sentence}",
            "blocks": [
                {
                    "type": "section",
                    "text": {"type": "mrkdwn", "text": f":large_green_circle: *{RECOVERED}*\nOver: {sentence}"},
                },
                {"type": "context", "elements": [{"type": "mrkdwn", "text": f"over · {KEY} · box"}]},
            ],
        },
    ]


async def test_discord(tmp_path: Path) -> None:
    """One embed with a colour as a number and an ISO 8601 timestamp; nothing in it may mention anybody."""
    received = await _down_and_up(tmp_path, "discord")

    def document(title: str, description: str, color: int, footer: str) -> dict[str, object]:
        embed = {
            "title": title,
            "description": description,
            "color": color,
            "timestamp": "2026-11-20T15:00:00+00:00",
            "footer": {"text": footer},
        }
        return {"embeds": [embed], "allowed_mentions": {"parse": []}}

    assert received.paths == [f"/{SECRET}"] * 2
    assert _bodies(received) == [
        document(SUBJECT, TEXT, 0xCC0000, f"critical · {KEY} · box"),
        document(RECOVERED, f"Over: {SENTENCE}", 0x2ECC71, f"over · {KEY} · box"),
    ]


@pytest.mark.parametrize("token", ["", TOKEN], ids=["open", "protected"])
async def test_ntfy(tmp_path: Path, token: str) -> None:
    """JSON goes to the server's root, the topic is inside; priorities are 1 to 5; a token is sent if there is one."""
    received = await _down_and_up(tmp_path, "ntfy", token=token)

    assert received.paths == ["/", "/"]
    assert [f"Authorization: Bearer {TOKEN}\r\n" in head for head in received.heads] == [bool(token)] * 2
    assert _bodies(received) == [
        {"topic": SECRET, "title": SUBJECT, "message": TEXT, "priority": 5, "tags": ["critical", KEY]},
        {
            "topic": SECRET,
            "title": RECOVERED,
            "message": f"Over: {SENTENCE}",
            "priority": 2,
            "tags": ["over", KEY],
        },
    ]


async def test_pagerduty(tmp_path: Path) -> None:
    """A trigger and a resolve with one dedup_key; the routing key travels inside."""
    received = await _down_and_up(tmp_path, "pagerduty", path="/v2/enqueue", token=TOKEN)

    assert received.paths == ["/v2/enqueue"] * 2
    assert _bodies(received) == [
        {
            "routing_key": TOKEN,
            "event_action": "trigger",
            "dedup_key": KEY,
            "payload": {
                "summary": TEXT,
                "source": "box",
                "severity": "critical",
                "timestamp": "2026-11-20T15:00:00+00:00",
                "component": "collector",
                "class": "gateway_unreachable",
                "custom_details": {"subject": SUBJECT},
            },
        },
        {"routing_key": TOKEN, "event_action": "resolve", "dedup_key": KEY},
    ]


async def test_opsgenie(tmp_path: Path) -> None:
    """An alert with its alias, and a request to close the alert of that alias; the key is a header."""
    received = await _down_and_up(tmp_path, "opsgenie", path="/v2/alerts", token=TOKEN)

    assert received.paths == ["/v2/alerts", f"/v2/alerts/{KEY}/close?identifierType=alias"]
    assert all(f"Authorization: GenieKey {TOKEN}\r\n" in head for head in received.heads)
    assert _bodies(received) == [
        {
            "message": SENTENCE,
            "alias": KEY,
            "description": TEXT,
            "priority": "P1",
            "source": "box",
            "entity": "collector",
            "tags": ["gateway_unreachable"],
            "details": {"subject": SUBJECT},
        },
        {"source": "box", "note": f"Over: {SENTENCE}"},
    ]
    assert len(_bodies(received)[0]["message"]) <= 130


async def test_a_template_of_ones_own(tmp_path: Path) -> None:
    """Kind custom posts what its file says; a mistake in the file is a delivery that failed, with its place."""
    template = tmp_path / "mine.json"
    parts = {
        "trigger": {"headers": {"X-Key": "$token"}, "body": {"is": "$severity $rule"}},
        "resolve": {"body": {"over": "$key"}},
    }
    template.write_text(json.dumps(parts))
    received = await _down_and_up(tmp_path, "custom", template=template, token=TOKEN)

    assert _bodies(received) == [{"is": "critical gateway_unreachable"}, {"over": KEY}]
    assert f"X-Key: {TOKEN}\r\n" in received.heads[0]

    template.write_text(json.dumps(parts).replace("$rule", "$rul"))
    hook = {"kind": "custom", "url": "https://127.0.0.1/x", "template": template}
    (_, result) = await _notifier(tmp_path / "other", hook).run_finished(DOWN)
    assert not result.ok
    assert "trigger.body.is: there is no $rul" in result.detail


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_what_passes_is_repeated(tmp_path: Path, status: int) -> None:
    """A service that is busy or broken is asked again, with the same document."""
    async with pings(statuses=[status, 200]) as received:
        results = await _notifier(tmp_path, _hook("slack", received)).run_finished(DOWN)
    assert results[-1] == Delivery(channel="slack", ok=True, detail="gateway_unreachable is posted")
    assert len(received.bodies) == 2
    assert received.bodies[0] == received.bodies[1]


@pytest.mark.parametrize("status", [301, 400, 401, 404])
async def test_what_is_refused_is_not_repeated(tmp_path: Path, status: int) -> None:
    """The same document is refused again; a redirection is not followed. The service's word is passed on."""
    async with pings(statuses=[status]) as received:
        results = await _notifier(tmp_path, _hook("slack", received)).run_finished(DOWN)
    assert len(received.bodies) == 1
    assert results[-1] == Delivery(channel="slack", ok=False, detail=f"127.0.0.1 answered {status} OK")


async def test_attempts_are_bounded_and_what_was_not_tried_is_said(tmp_path: Path) -> None:
    """A service that stays away costs its attempts once: the other notices of the run are not tried, and named."""
    full = replace(DOWN, environment=FULL.environment)
    async with pings(statuses=[503] * 20) as received:
        results = await _notifier(tmp_path, _hook("slack", received, attempts=2)).run_finished(full)
    assert len(received.bodies) == 2
    assert [d.detail for d in results if d.channel == "slack"] == [
        "127.0.0.1 answered 503 OK",
        "disk_low was not tried after that",
    ]


async def test_a_notice_that_a_service_fails_over_stops_no_other(tmp_path: Path) -> None:
    """The next is posted; where the service fails over two in a row, it is the service, and the third is not tried."""
    chain = (("SPY", START - timedelta(days=3)),)
    three = replace(DOWN, environment=replace(FULL.environment, chain_refreshed=chain))
    alerts = QUIET | {"stale_chain": "immediate"}
    async with pings(statuses=[500, 200, 500]) as received:
        results = await _notifier(tmp_path, _hook("slack", received, attempts=1), alerts=alerts).run_finished(three)
    assert [d.ok for d in results if d.channel == "slack"] == [False, True, False]

    async with pings(statuses=[500] * 3) as received:
        hook = _hook("slack", received, attempts=1)
        results = await _notifier(tmp_path / "other", hook, alerts=alerts).run_finished(three)
    assert len(received.bodies) == 2
    assert [d.detail for d in results if d.channel == "slack"][2].endswith("was not tried after that")


async def test_a_notice_that_cannot_be_written_stops_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody foresaw of one notice is said without secrets, and the next is posted."""

    def broken(self: Template, values: Mapping[str, str], settings: WebhookSettings, *, over: bool) -> Request:
        if values["rule"] == "gateway_unreachable":
            raise RuntimeError(SECRET)
        return well(self, values, settings, over=over)

    well = Template.request
    monkeypatch.setattr(Template, "request", broken)
    async with pings() as received:
        hook = _hook("slack", received)
        results = await _notifier(tmp_path, hook).run_finished(replace(DOWN, environment=FULL.environment))
    assert [(d.ok, d.detail) for d in results if d.channel == "slack"] == [
        (False, "RuntimeError: ***"),
        (True, "disk_low is posted"),
    ]


@pytest.mark.parametrize("kind", ["slack", "discord", "ntfy", "pagerduty", "opsgenie"])
async def test_any_text_can_be_posted(tmp_path: Path, kind: str) -> None:
    """Control characters, lone surrogates and words from right to left, in an alert's key, too, and in its end."""
    odd = "\udce9\x00\r\nX: y\u202e{}$key 😀"
    failure = FailureReport(stage=Stage.STORE, cause=Cause.UNFORESEEN, message=f"{odd}: {odd}")
    async with pings() as received:
        hook = _hook(kind, received, token=TOKEN)
        told = [
            await _notifier(tmp_path, hook, alerts={}).run_finished(replace(DOWN, run_id=1, failure=failure)),
            await _notifier(tmp_path, hook, alerts={}).run_finished(UP),
        ]
    assert [d.detail for results in told for d in results if not d.ok] == []
    assert len(received.bodies) >= 2
    for body in received.bodies:
        json.loads(body).items()
        assert "\\ud" not in body.replace("\\ud83d\\ude00", "")


async def test_a_partial_run_is_not_back_to_normal(tmp_path: Path) -> None:
    """The outage is over, which is posted as that; the word for the run is its own."""
    partial = replace(examples.partial(), environment=Environment())
    async with pings() as received:
        for report in (DOWN, partial):
            await _notifier(tmp_path, _hook("slack", received)).run_finished(report)
    (end,) = [body["text"] for body in _bodies(received) if "Over: " in body["text"]]
    assert "Over: IB's gateway cannot be reached" in end
    assert "[collector] eod 2026-11-20 PARTIAL" in end
    assert "recovered" not in "".join(received.bodies).lower()


def test_waits_between_attempts_double_on_the_clock(tmp_path: Path) -> None:
    """Two seconds, then four, of a simulated clock: nobody waits for them."""

    async def night() -> tuple[int, timedelta]:
        clock = VirtualClock(START)
        async with pings(statuses=[500, 500]) as received:
            hook = _hook("slack", received, retry_wait_s=2)
            settings = NotifySettings.model_validate({"webhooks": [hook], "alerts": QUIET})
            results = await Notifier(settings, log_directory=tmp_path, clock=clock).run_finished(DOWN)
        assert results[-1].ok
        return len(received.bodies), clock.now() - START

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        posted, took = runner.run(night())
    assert posted == 3
    assert timedelta(seconds=6) <= took < timedelta(seconds=9)


async def test_a_hanging_service_is_given_up_on(tmp_path: Path) -> None:
    """No answer costs the time-out of each attempt, and no more."""
    async with pings(silent=True) as received:
        hook = _hook("slack", received, timeout_s=0.2, attempts=2)
        begun = asyncio.get_running_loop().time()
        results = await _notifier(tmp_path, hook).run_finished(DOWN)
        assert asyncio.get_running_loop().time() - begun < 5
    assert len(received.bodies) == 2
    assert results[-1] == Delivery(channel="slack", ok=False, detail="127.0.0.1 gave no answer within 0.2 s")


async def test_a_service_that_drips_is_given_up_on(tmp_path: Path) -> None:
    """A byte now and then keeps no request alive beyond its time-out; a refusal whose words never end is a refusal."""
    asked: list[asyncio.Event] = []

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(gone := asyncio.Event())
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 400 Bad\r\n" if len(asked) > 1 else b"")
            while True:
                writer.write(b"X")
                await writer.drain()
                await asyncio.sleep(0.02)  # a peer that drips: each byte has a time-out of the socket's
        except ConnectionError:
            pass
        finally:
            writer.close()
            gone.set()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        hook = {"kind": "slack", "url": f"http://127.0.0.1:{port}/x", "timeout_s": 0.3, "retry_wait_s": 0.01}
        results = await _notifier(tmp_path, hook).run_finished(DOWN)
        async with asyncio.timeout(10):
            await asyncio.gather(*(one.wait() for one in asked))
    assert len(asked) == 2
    assert results[-1].detail == "127.0.0.1 answered 400"


async def test_a_failing_webhook_stops_nothing_else(tmp_path: Path) -> None:
    """One service refuses, one hangs, nobody is behind a third: the mail goes out, another service is told."""
    mailbox = Mailbox()
    async with mail_server(mailbox) as port, pings([400]) as refusing, pings(silent=True) as hanging, pings() as well:
        hooks = [
            _hook("slack", refusing),
            _hook("discord", hanging, timeout_s=0.2, attempts=1),
            {"kind": "ntfy", "url": f"http://127.0.0.1:{unused_port()}/x", "attempts": 1},
            _hook("pagerduty", well, token=TOKEN),
        ]
        smtp = mails_to(port).smtp.model_dump()
        results = await _notifier(tmp_path, *hooks, smtp=smtp).run_finished(DOWN)

    assert [(d.channel, d.ok) for d in results] == [
        ("outbox", True),
        ("mail", True),
        ("slack", False),
        ("discord", False),
        ("ntfy", False),
        ("pagerduty", True),
    ]
    assert [mail["Subject"] for mail in mailbox.received] == [SUBJECT]
    assert _bodies(well)[0]["event_action"] == "trigger"


async def test_the_outbox_stops_no_webhook(tmp_path: Path) -> None:
    """Where nothing can be written, say on a full disk, the services hear of it all the same."""
    blocked = tmp_path / "logs"
    blocked.write_text("a file where a directory should be")
    async with pings() as received:
        results = await _notifier(blocked, _hook("slack", received)).run_finished(FULL)
    assert [(d.channel, d.ok) for d in results] == [("outbox", False), ("slack", True)]
    assert "nearly full: 7.4 GB free" in received.bodies[0]


async def test_a_mistake_in_rendering_stops_no_webhook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The alert is told under a plain subject, and again by the next run, since its mail was not kept."""

    def broken(*_: object) -> None:
        raise KeyError("a mistake of ours")

    monkeypatch.setattr(Renderer, "run", broken)
    async with pings() as received:
        for _ in range(2):
            results = await _notifier(tmp_path, _hook("discord", received)).run_finished(DOWN)
            assert [(d.channel, d.ok) for d in results] == [("outbox", False), ("discord", True)]
    assert [one["embeds"][0]["title"] for one in _bodies(received)] == ["[collector] morning 2026-11-20 failed"] * 2


async def test_no_secret_is_told_or_logged(tmp_path: Path) -> None:
    """Neither address nor token stands in a log line, a delivery or a mail, whatever a service says back."""
    secrets = (SECRET, TOKEN)
    refusals = []

    async def quote(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        body = (await reader.readexactly(int(head.lower().partition("content-length:")[2].split()[0]))).decode()
        refusals.append(head + body)
        said = (head.split()[1] + " " + body).encode()
        writer.write(b"HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(said), said))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(quote, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        address = f"http://127.0.0.1:{port}/{SECRET}"
        hooks: list[dict[str, object]]
        hooks = [{"kind": kind, "url": address, "token": TOKEN} for kind in ("slack", "ntfy", "pagerduty", "opsgenie")]
        hooks.append({"kind": "discord", "url": f"http://127.0.0.1:{unused_port()}/{SECRET}", "attempts": 1})
        leaking = replace(DOWN.failure, message=f"POST {address} {SECRET} {TOKEN}") if DOWN.failure else None
        with structlog.testing.capture_logs() as logged:
            results = await _notifier(tmp_path, *hooks).run_finished(replace(DOWN, failure=leaking))

    assert len(refusals) == 4
    assert [d.ok for d in results] == [True, *[False] * 5]
    kept = "".join(path.read_text() for path in (tmp_path / "email_notifications").iterdir() if path.is_file())
    for told in (str(logged), str(results), kept):
        assert not any(secret in told for secret in secrets)
    # What a service is sent is masked, too, but for the key that opens its own door.
    assert all(SECRET not in json.loads(one.partition("\r\n\r\n")[2]).get("text", "") for one in refusals)


async def test_an_alert_goes_to_the_channels_of_its_rule(tmp_path: Path) -> None:
    """A full disk pages, and mails nobody; a gateway that is down goes everywhere but to the pager."""
    mailbox = Mailbox()
    async with mail_server(mailbox) as port, pings() as slack, pings() as pager:
        alerts = QUIET | {
            "disk_low": {"severity": "warning", "channels": ["pagerduty"]},
            "gateway_unreachable": {"channels": ["mail", "slack"]},
        }
        hooks = [_hook("slack", slack), _hook("pagerduty", pager, token=TOKEN)]
        smtp = mails_to(port).smtp.model_dump()
        for report in (FULL, replace(DOWN, environment=FULL.environment)):
            notifier = _notifier(tmp_path, *hooks, alerts=alerts, smtp=smtp)
            results = await notifier.run_finished(report)
            assert all(d.ok for d in results)

    assert [(one["dedup_key"], one["payload"]["severity"]) for one in _bodies(pager)] == [("disk_low", "warning")]
    assert [KEY in body for body in slack.bodies] == [True]
    assert [mail["Subject"] for mail in mailbox.received] == [SUBJECT]
    mailed = mailbox.received[0].get_body(("plain",))
    assert mailed is not None
    assert "nearly full" not in mailed.get_content()


async def test_good_news_pages_nobody(tmp_path: Path) -> None:
    """A success is told where people read, and opens no incident."""
    async with pings() as slack, pings() as pager:
        hooks = [_hook("slack", slack), _hook("pagerduty", pager, token=TOKEN)]
        await _notifier(tmp_path, *hooks, alerts={}).run_finished(UP)
    assert [":large_green_circle:" in body for body in slack.bodies] == [True]
    assert pager.bodies == []


async def test_the_test_tries_every_channel(tmp_path: Path) -> None:
    """`collector notify test`: an alert and its end to each service, one ping, and a line about each that failed."""
    async with pings() as pager, pings([403]) as slack, pings() as switch:
        hooks = [_hook("pagerduty", pager, token=TOKEN), _hook("slack", slack)]
        settings = NotifySettings.model_validate({"webhooks": hooks})
        dead_man = DeadManSettings.model_validate({"url": switch.url(f"/{SECRET}"), "windows": ["late_night"]})
        notifier = Notifier(settings, log_directory=tmp_path, clock=_StillClock(), dead_man=dead_man)
        results = await notifier.test()

    assert [(one["event_action"], one["dedup_key"]) for one in _bodies(pager)] == [
        ("trigger", "collector-test"),
        ("resolve", "collector-test"),
    ]
    assert [(d.channel, d.ok, d.detail) for d in results if d.channel != "outbox"] == [
        ("dead_man", True, "127.0.0.1 was pinged"),
        ("pagerduty", True, "collector-test is posted"),
        ("slack", False, "127.0.0.1 answered 403 OK"),
        ("pagerduty", True, "the end of collector-test is posted"),
        ("slack", True, "the end of collector-test is posted"),
    ]
    assert switch.paths == [f"/{SECRET}"]
    assert not (tmp_path / "email_notifications" / "alerts.json").exists()


async def test_every_run_pings_the_switch_through_the_same_loop(tmp_path: Path) -> None:
    """Whether or not there is anything to tell: an outage that was told before still fails its ping."""
    async with pings() as switch:
        dead_man = DeadManSettings.model_validate({"url": switch.url("/x"), "windows": []})
        for report in (DOWN, DOWN, UP):
            notifier = Notifier(NotifySettings(), log_directory=tmp_path, clock=_StillClock(), dead_man=dead_man)
            results = await notifier.run_finished(report)
            assert results[-1] == Delivery(channel="dead_man", ok=True, detail="127.0.0.1 was pinged")
    assert switch.paths == ["/x/fail", "/x/fail", "/x"]
