"""What a person starts from a page does what the command does: once, in its turn, on record."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import asyncpg
import pytest
from pydantic import SecretStr
from starlette.types import ASGIApp, Message

from collector.app import composition, maintenance, opening
from collector.app.acting.acts import Act, Acts, State
from collector.app.acting.live import Live
from collector.app.serving import Serving
from collector.clock import Clock
from collector.clock.virtual_time import VirtualClock, VirtualTimeLoop
from collector.config import (
    ArchiveSettings,
    DatabaseSettings,
    DeadManSettings,
    GatewaySettings,
    LogSettings,
    NotifySettings,
    Settings,
    WebSettings,
    WindowsSettings,
)
from collector.db.connection import locks, pool
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.run_vocabulary import BY_HAND, Window
from collector.notify import fan_out
from collector.runs.orders import order_for
from collector.simulator.launch import start
from collector.simulator.scenarios import named
from collector.web.access.visitors import VISITOR, Visitor
from collector.web.context import Context, Readers
from collector.web.site import site
from tests.support import tables
from tests.support.fault_proxy import unused_port
from tests.support.fixtures_engines import Matrix
from tests.support.http_peers import pings
from tests.support.window_runs import narrow, no_bar

FIVE = datetime(2026, 11, 20, 17, 0, tzinfo=NEW_YORK)
EOD = {"kind": "run", "window": "eod", "symbols": "PLTR"}
RUNS = "SELECT run_type, status, id FROM intraday_collection_runs ORDER BY id"
SPANS = "SELECT run_type, started_at, completed_at FROM intraday_collection_runs ORDER BY started_at"
RECORDED = "SELECT origin, command, reason, outcome, message, run_id FROM operator_actions ORDER BY id"
OBJECTS = "SELECT place, path, rows, hash FROM archive_objects ORDER BY path"
Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]
PLAIN = {window.value: {"enabled": False} for window in Window if window not in BY_HAND}


def settings_for(url: str, port: int, folder: Path, **more: Any) -> Settings:  # noqa: ANN401 - sections
    """Return a configuration of eight contracts, and no window that comes by itself."""
    own = {
        "database": DatabaseSettings(url=SecretStr(url)),
        "gateway": GatewaySettings(port=port, patience_s=5.0),
        "log": LogSettings(directory=folder),
        "notify": NotifySettings(pictures=False),
        "windows": WindowsSettings.model_validate(PLAIN),
    }
    return narrow("PLTR", **own | more)


@dataclass
class Desk:
    """A collector at work, and its site as a browser sends forms to it."""

    serving: Serving
    app: ASGIApp
    clock: Clock
    url: str
    visitor: Visitor = Visitor.OWNER

    async def send(self, method: str, path: str, **fields: str) -> tuple[int, str, str]:
        """Send a request as who is logged in; return its status, where it leads, and the answer's text."""
        VISITOR.set(self.visitor)
        body, sent = urlencode(fields).encode(), list[Message]()
        path, _, query = path.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(b"host", b"127.0.0.1"), (b"content-type", b"application/x-www-form-urlencoded")],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8321),
        }

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def take(message: Message) -> None:
            sent.append(message)

        await self.app(scope, receive, take)
        headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        text = unescape(b"".join(one.get("body", b"") for one in sent[1:]).decode())
        return sent[0]["status"], headers.get("location", ""), text

    async def press(self, fields: Mapping[str, str]) -> Act:
        """Send the form of an act; return the act."""
        status, where, text = await self.send("POST", "/acts", **fields)
        assert status == 303, text
        return self.serving.acts.find(int(where.removeprefix("/acts/")))

    async def ended(self, act: Act) -> Act:
        """Let time pass until an act has ended."""
        await self.until(lambda: not act.pending)
        return act

    async def until(self, holds: Callable[[], bool]) -> None:
        """Let time pass until something holds, for an hour at most."""
        for _ in range(36_000):
            if holds():
                return
            await self.clock.sleep(0.1)
        pytest.fail("it never came about")

    async def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Return rows of the database."""
        with self.clock.hold():
            connection = await asyncpg.connect(self.url)
            try:
                return [tuple(row) for row in await connection.fetch(statement)]
            finally:
                await connection.close()


@contextlib.asynccontextmanager
async def desk(settings: Settings, clock: Clock) -> AsyncIterator[Desk]:
    """Serve beside the block; the collector must be at work still when the block ends."""
    serving, readers = Serving(settings, clock, no_bar), Readers(settings, clock)
    app = site(Context(settings=settings, clock=clock, process=serving, readers=readers))
    work = asyncio.create_task(serving.go_on())
    try:
        yield Desk(serving, app, clock, settings.database.dsn())
        assert not work.done()
    finally:
        await readers.close()
        work.cancel()
        await asyncio.wait([work])


@dataclass(frozen=True)
class Collected:
    """A database as the command leaves it: `collector run --window eod --symbols PLTR` on Friday at five."""

    url: str
    folder: Path
    tables: tables.Dump


@pytest.fixture(scope="module")
def collected(
    request: pytest.FixtureRequest, engine_matrix: Matrix, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Collected]:
    """Give a database in which the command has run."""
    engine, folder = engine_matrix.engine(request, "plain"), tmp_path_factory.mktemp("command")
    for url in engine_matrix.create(engine, engine_matrix.template(engine)):
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            yield Collected(url, folder, runner.run(_collect(url, folder)))


async def _collect(url: str, folder: Path) -> tables.Dump:
    clock = VirtualClock(FIVE)
    async with await start(clock=clock) as gateway:
        settings = settings_for(url, gateway.port, folder)
        order = order_for(Window.EOD, settings, opening.calendar(settings), clock.now(), symbols=("PLTR",))
        await composition.run_window(settings, order, clock)
        with clock.hold():
            return await tables.dump_of(url)


@pytest.fixture
def of_command(collected: Collected) -> tables.Dump:
    """Give the tables as the command leaves them."""
    return collected.tables


def test_a_window_by_a_form(plain_database_url: str, tmp_path: Path, virtual_run: Run, of_command: tables.Dump) -> None:
    """Pressed twice, from two forms, and at the same moment it runs once; the tables equal the command's run."""

    async def main() -> None:
        clock = VirtualClock(FIVE)
        async with (
            await start(clock=clock) as gateway,
            desk(settings_for(plain_database_url, gateway.port, tmp_path), clock) as one,
        ):
            form = {**EOD, "reason": "to be sure", "once": "a"}
            acts = list(await asyncio.gather(*(one.press(form) for _ in range(3))))
            acts += await asyncio.gather(one.press({**EOD, "once": "b"}), one.press({**EOD, "symbols": " pltr"}))
            (act,) = {id(found): found for found in acts}.values()
            assert (await one.ended(act)).state is State.DONE, act
            assert await one.press(form) is act  # the same press, come late
            with clock.hold():
                tables.tables_equal(await tables.dump_of(plain_database_url), of_command)
            assert await one.rows(RUNS) == [("eod", "success", act.run_id)]
            command = "collector run --window eod --symbols PLTR"
            assert await one.rows(RECORDED) == [("page", command, "to be sure", "ok", "", act.run_id)]
            status, _, text = await one.send("GET", f"/acts/{act.id}")
            assert (status, act.headline in text, "done" in text) == (200, True, True)
            assert gateway.log.connections == 1

    virtual_run(main)


def test_cancelled_and_repeated(
    plain_database_url: str, tmp_path: Path, virtual_run: Run, of_command: tables.Dump
) -> None:
    """A run that is cancelled in the middle says interrupted, serve goes on, and the repeated one completes it."""

    async def main() -> None:
        clock = VirtualClock(FIVE)
        async with (
            await start(clock=clock, scenarios=[named("constant", latency_s=1.0)]) as gateway,
            desk(settings_for(plain_database_url, gateway.port, tmp_path), clock) as one,
        ):
            first, second = await one.press(EOD), await one.press({"kind": "forget", "session": "2026-11-19"})
            await one.until(lambda: len(gateway.log.historical) > 20)
            assert "requests" in (await one.send("GET", f"/acts/{first.id}"))[2]
            assert "1 act before it" in (await one.send("GET", f"/acts/{second.id}"))[2]
            for act in (second, first):
                assert (await one.send("POST", f"/acts/{act.id}/cancel"))[:2] == (303, f"/acts/{act.id}")
            assert second.state is State.CANCELLED
            assert (await one.ended(first)).state is State.CANCELLED
            assert [row[:2] for row in await one.rows(RUNS)] == [("eod", "interrupted")]
            again = await one.ended(await one.press(EOD))
            assert (again.state, again.id) == (State.DONE, first.id + 2)
            with clock.hold():
                tables.tables_equal(await tables.dump_of(plain_database_url), of_command)
            assert [row[3] for row in await one.rows(RECORDED)] == ["interrupted", "ok"]

    virtual_run(main)


def test_an_act_that_fails(plain_database_url: str, tmp_path: Path, virtual_run: Run) -> None:
    """Its page and the record say why, in words; what comes after it is done."""

    async def main() -> None:
        clock = VirtualClock(FIVE)
        port = unused_port()
        async with desk(settings_for(plain_database_url, port, tmp_path), clock) as one:
            act = await one.ended(await one.press(EOD))
            assert (act.state, act.error) == (State.FAILED, f"nothing listens at 127.0.0.1:{port}"), act
            assert act.error in (await one.send("GET", f"/acts/{act.id}"))[2]
            follows = await one.ended(await one.press({"kind": "forget", "session": "2026-11-20"}))
            assert (follows.state, follows.headline[:20]) == (State.DONE, "2026-11-20: 0 series"), follows
            recorded = await one.rows(RECORDED)
            assert [row[:2] for row in recorded] == [
                ("page", "collector run --window eod --symbols PLTR"),
                ("page", "collector coverage forget --session 2026-11-20"),
            ]
            assert (recorded[0][3], recorded[0][4]) == ("failed", act.error)

    virtual_run(main)


def test_a_window_that_is_due_meanwhile(
    plain_database_url: str, tmp_path: Path, virtual_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It begins when the act is over, not before; channels are tested beside, at once."""
    monkeypatch.setattr(fan_out, "_SENT", ())  # drawing them takes seconds, and is another test's

    async def main() -> None:
        clock = VirtualClock(datetime(2026, 11, 20, 16, 44, 45, tzinfo=NEW_YORK))
        windows = WindowsSettings.model_validate({**PLAIN, "eod": {"enabled": True}})
        async with await start(clock=clock, scenarios=[named("constant", latency_s=3.0)]) as gateway:
            settings = settings_for(plain_database_url, gateway.port, tmp_path, windows=windows)
            async with desk(settings, clock) as one:
                act = await one.press({"kind": "run", "window": "manual"})
                await one.until(lambda: len(gateway.log.historical) > 0)
                beside = await one.ended(await one.press({"kind": "test"}))
                assert (beside.state, act.state) == (State.DONE, State.AT_WORK)
                await one.ended(act)
                await clock.sleep(60)
                (by_hand, due) = await one.rows(SPANS)
                assert (by_hand[0], due[0]) == ("manual", "eod")
                assert by_hand[2] > datetime(2026, 11, 20, 16, 45, tzinfo=NEW_YORK)
                assert 0 <= (due[1] - by_hand[2]).total_seconds() < 5

    virtual_run(main)


def test_a_window_that_is_due_while_acts_wait(plain_database_url: str, tmp_path: Path, virtual_run: Run) -> None:
    """It waits for the end of the one at work, and goes before the others."""

    async def main() -> None:
        clock = VirtualClock(datetime(2026, 11, 20, 16, 44, 55, tzinfo=NEW_YORK))
        windows = WindowsSettings.model_validate({**PLAIN, "eod": {"enabled": True}})
        async with await start(clock=clock, scenarios=[named("constant", latency_s=3.0)]) as gateway:
            settings = settings_for(plain_database_url, gateway.port, tmp_path, windows=windows)
            async with desk(settings, clock) as one:
                await one.press({"kind": "run", "window": "manual"})
                last = await one.press({"kind": "run", "window": "manual", "force": "yes"})
                assert (await one.ended(last)).state is State.DONE
                assert [row[0] for row in await one.rows(SPANS)] == ["manual", "eod", "manual"]

    virtual_run(main)


def test_while_another_process_is_at_work(plain_database_url: str, tmp_path: Path, virtual_run: Run) -> None:
    """It waits and says for what, is done as soon as the other one is over, and has one row of the record.

    Meanwhile no dead man's switch hears that it begins; refreshing chains waits, too.
    """

    async def main() -> None:
        clock = VirtualClock(FIVE)
        async with await start(clock=clock) as gateway, pings() as received:
            heard = DeadManSettings(url=SecretStr(received.url("/beat")))
            settings = settings_for(plain_database_url, gateway.port, tmp_path, dead_man=heard)
            async with desk(settings, clock) as one:
                async with pool.connect(plain_database_url, clock) as db, locks.collection_lock(db, "another's run"):
                    act, dropped = await one.press(EOD), await one.press({"kind": "greeks", "since": "2026-11-20"})
                    await one.until(lambda: bool(act.why))
                    assert act.state is State.WAITING
                    assert "another's run" in (await one.send("GET", f"/acts/{act.id}"))[2]
                    await clock.sleep(30)
                    assert (act.state, received.paths) == (State.WAITING, [])
                    await one.send("POST", f"/acts/{dropped.id}/cancel")
                before = clock.now()
                await one.until(lambda: act.state is State.AT_WORK)
                assert (clock.now() - before).total_seconds() < 10
                assert (await one.ended(act)).state is State.DONE
                assert received.paths == ["/beat/start", "/beat"]
                async with pool.connect(plain_database_url, clock) as db, locks.collection_lock(db, "another's run"):
                    chains = await one.press({"kind": "chains"})
                    await one.until(lambda: bool(chains.why))
                assert (await one.ended(chains)).state is State.DONE
                assert [row[3] for row in await one.rows(RECORDED)] == ["ok", "ok"]

    virtual_run(main)


def test_archive_by_a_form(plain_database_url: str, tmp_path: Path, virtual_run: Run) -> None:
    """It writes the objects that the command writes, bar for bar."""

    async def main() -> None:
        clock = VirtualClock(FIVE)
        async with await start(clock=clock) as gateway:
            places = tmp_path / "page", tmp_path / "command"
            for place in places:
                place.mkdir()
            page, command = (
                settings_for(plain_database_url, gateway.port, tmp_path, archive=ArchiveSettings(place=str(place)))
                for place in places
            )
            async with desk(page, clock) as one:
                await one.ended(await one.press(EOD))
                assert "would be written" in (await one.send("GET", "/acts/new/archive"))[2]
                act = await one.ended(await one.press({"kind": "archive", "symbols": "PLTR"}))
                assert (act.state, act.command) == (State.DONE, "collector archive --symbol PLTR"), act
                found = await one.rows(OBJECTS)
                with clock.hold():
                    await maintenance.archive(command, ("PLTR",), None, clock, lambda _: None)
                both = await one.rows(OBJECTS)
                assert len(both) == 2 * len(found) > 0
                by_command = [row[1:] for row in both if row not in found]
                assert by_command == [row[1:] for row in found]
                assert "the archive holds what the database holds" in (await one.send("GET", "/acts/new/archive"))[2]

    virtual_run(main)


FORMS = {
    "run": "nothing would be asked for",
    "run?window=eod&force=yes": "requests take",
    "run?window=weekly": "asks for no bars",
    "fill": "gap_fill of Friday 2026-11-20 · PLTR",
    "backfill?days=5": "requests take",
    "chains": "PLTR: 1 request, one for each expiration known",
    "greeks": "every bar of 1 session of PLTR is computed afresh",
    "forget?day=2026-11-20": "requests take",
    "accept": "what controlled answers called empty on 2026-11-20 is settled at once",
    "test": "goes through: outbox",
}


def test_what_an_act_would_do(collected: Collected, virtual_run: Run) -> None:
    """Each form says before anything begins what its act would do, from the tables as they stand.

    It comes up filled in: eod, and the latest session where there must be one.
    """

    async def main() -> None:
        clock = VirtualClock(FIVE)
        async with desk(settings_for(collected.url, unused_port(), collected.folder), clock) as one:
            for form, told in FORMS.items():
                status, _, text = await one.send("GET", f"/acts/new/{form}")
                assert (status, told in text, 'class="warning"' in text) == (200, True, False), (form, text)

    virtual_run(main)


def test_nothing_changes_by_looking(plain_database_url: str, tmp_path: Path, virtual_run: Run) -> None:
    """A form says what it would do and starts nothing; what is filled in wrongly is refused in words."""

    async def main() -> None:
        clock = VirtualClock(FIVE)
        async with desk(settings_for(plain_database_url, unused_port(), tmp_path), clock) as one:
            status, _, text = await one.send("GET", "/acts/new/run?window=eod&day=2026-11-20&symbols=PLTR")
            assert (status, "eod of Friday 2026-11-20" in text) == (200, True)
            assert "collector run --window eod --date 2026-11-20 --symbols PLTR" in text
            assert "it is a Saturday" in (await one.send("GET", "/acts/new/forget?day=2026-11-21"))[2]
            assert "Window is empty" in (await one.send("GET", "/acts/new/run?window="))[2]
            refused = [
                await one.send("POST", "/acts", **fields)
                for fields in (
                    {"kind": "run", "window": "eod", "date": "2026-11-22"},
                    {"kind": "run", "window": "noon"},
                    {"kind": "run"},
                    {"kind": "fill", "symbols": "NONE"},
                    {"kind": "backfill", "days": "9999"},
                    {"kind": "drop everything"},
                    {},
                )
            ]
            assert [status for status, _, _ in refused] == [404, 400, 400, 400, 400, 404, 404]
            assert all("No answer" in text for _, _, text in refused)
            assert (await one.send("POST", "/acts/7/cancel"))[0] == 404
            assert (await one.send("GET", "/acts/7/cancel"))[0] == 405
            assert (one.serving.acts.latest, await one.rows(RECORDED)) == ((), [])

    virtual_run(main)


@pytest.mark.parametrize(
    ("visitor", "read_only"), [(Visitor.NOBODY, False), (Visitor.READER, False), (Visitor.OWNER, True)]
)
def test_who_may_only_look(
    plain_database_url: str, tmp_path: Path, virtual_run: Run, visitor: Visitor, read_only: bool
) -> None:
    """Nothing is started or cancelled but by the owner, and not by him where pages only show."""

    async def main() -> None:
        clock = VirtualClock(FIVE)
        settings = settings_for(plain_database_url, unused_port(), tmp_path, web=WebSettings(read_only=read_only))
        async with desk(settings, clock) as one:
            one.visitor = visitor
            act = one.serving.acts.request("greeks", {"since": "2026-11-20"}, "", "")
            assert (await one.send("POST", "/acts", **EOD))[0] == 403
            assert (await one.send("POST", f"/acts/{act.id}/cancel"))[0] == 403
            assert "Start</button>" not in (await one.send("GET", "/acts/new/run?window=eod"))[2]
            assert 'href="/acts/new/' not in (await one.send("GET", "/acts"))[2]
            assert one.serving.acts.latest == (act,)

    virtual_run(main)


def test_without_a_database(tmp_path: Path, virtual_run: Run) -> None:
    """An act waits and says for what; the list of acts needs no database."""

    async def main() -> None:
        clock = VirtualClock(FIVE)
        url = f"postgresql://nobody@127.0.0.1:{unused_port()}/none"
        async with desk(settings_for(url, unused_port(), tmp_path), clock) as one:
            act = await one.press(EOD)
            await one.until(lambda: bool(act.why))
            status, _, text = await one.send("GET", "/acts")
            assert (status, act.why in text) == (200, True)
            await one.send("POST", f"/acts/{act.id}/cancel")
            assert act.state is State.CANCELLED

    virtual_run(main)


def test_where_no_schedule_runs(plain_database_url: str, tmp_path: Path, virtual_run: Run) -> None:
    """`collector web` by itself does the same; between acts it leaves the gateway to others."""

    async def main() -> None:
        clock = VirtualClock(FIVE)
        async with await start(clock=clock) as gateway:
            live = Live(clock)
            settings = settings_for(plain_database_url, gateway.port, tmp_path)
            acts = Acts(settings, clock, live, live.watched(no_bar))
            work = asyncio.create_task(acts.go_on())
            for number, kind in enumerate(("run", "chains"), start=1):
                act = acts.request(kind, {"window": "eod"}, "", "")
                while act.pending:
                    await clock.sleep(0.1)
                assert (act.state, gateway.log.connections) == (State.DONE, number), act
            work.cancel()
            await asyncio.wait([work])
        with clock.hold():
            connection = await asyncpg.connect(plain_database_url)
            found = [tuple(row) for row in await connection.fetch(RECORDED)]
            await connection.close()
        assert [row[1] for row in found] == ["collector run --window eod", "collector chains refresh"]

    virtual_run(main)


def test_the_process_ends_while_an_act_is_kept_waiting(
    plain_database_url: str, tmp_path: Path, virtual_run: Run
) -> None:
    """What had begun, and another process kept waiting, is on record as interrupted; what had not is not on record."""

    async def main() -> None:
        clock = VirtualClock(FIVE)
        settings = settings_for(plain_database_url, unused_port(), tmp_path)
        async with pool.connect(plain_database_url, clock) as db, locks.collection_lock(db, "another's run"):
            async with desk(settings, clock) as one:
                act = await one.press({"kind": "greeks", "since": "2026-11-20"})
                behind = await one.press({"kind": "accept", "session": "2026-11-20"})
                await one.until(lambda: bool(act.why))
            assert (act.state, behind.state) == (State.CANCELLED, State.CANCELLED)
            assert [(row[1], row[3]) for row in await one.rows(RECORDED)] == [(act.command, "interrupted")]

    virtual_run(main)


def test_a_page_of_an_earlier_process(tmp_path: Path, virtual_run: Run) -> None:
    """Its buttons touch nothing that was started since: no act has the number of an earlier one."""

    async def main() -> None:
        clock = VirtualClock(FIVE)
        settings = settings_for("postgresql://127.0.0.1:1/none", unused_port(), tmp_path)
        async with desk(settings, clock) as one:
            earlier = await one.press(EOD)
            await clock.sleep(1)
        async with desk(settings, clock) as one:
            act = await one.press({"kind": "chains"})
            assert (await one.send("POST", f"/acts/{earlier.id}/cancel"))[0] == 404
            assert act.pending

    virtual_run(main)


def test_the_process_ends_meanwhile(plain_database_url: str, tmp_path: Path, virtual_run: Run) -> None:
    """An act at work ends as by a signal: its run and its record say interrupted."""

    async def main() -> None:
        clock = VirtualClock(FIVE)
        async with await start(clock=clock, scenarios=[named("constant", latency_s=1.0)]) as gateway:
            settings = settings_for(plain_database_url, gateway.port, tmp_path)
            serving = Serving(settings, clock, no_bar)
            work = asyncio.create_task(serving.go_on())
            act = serving.acts.request("run", {"window": "eod"}, "", "")
            while len(gateway.log.historical) < 5:
                await clock.sleep(0.1)
            work.cancel()
            await asyncio.wait([work])
            assert work.cancelled()
            one = Desk(serving, site, clock, plain_database_url)  # type: ignore[arg-type]  # nothing is sent
            assert (act.state, [row[1] for row in await one.rows(RUNS)]) == (State.CANCELLED, ["interrupted"])
            assert [row[3] for row in await one.rows(RECORDED)] == ["interrupted"]

    virtual_run(main)
