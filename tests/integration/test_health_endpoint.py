"""/healthz and /metrics over a real socket, and the textfile."""

import asyncio
import json
import logging
import re
import socket
import stat
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from collector.app import metrics, opening
from collector.app.health_endpoint import Condition, LastRun, endpoint
from collector.clock import SystemClock
from collector.config import DatabaseSettings, LogSettings, ServeSettings
from collector.db.bookkeeping import runs_table
from collector.db.bookkeeping.gaps_table import GapTotal
from collector.db.bookkeeping.runs_table import NewRun, RunEnd
from collector.db.connection import pool
from collector.db.readers.day_status import RunTotals
from collector.domain.errors import ConfigurationError
from collector.domain.pacing.pace import BreakerState, Pace
from collector.domain.run_vocabulary import GapState, RunStatus, Window
from collector.market.calendar import Calendar
from collector.market.schedule import Occurrence
from collector.notify.reports import examples
from tests.support.fixtures_simulator import AFTER_THE_CLOSE
from tests.support.http_peers import get, samples, sent
from tests.support.window_runs import narrow

NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
LAST = LastRun(window="eod", session="2026-11-19", status=RunStatus.SUCCESS, started=NOON, completed=None)
NEXT = Occurrence(Window.MIDDAY, date(2026, 11, 20), datetime(2026, 11, 20, 17, 30, tzinfo=UTC))
FIGURES = metrics.Figures(
    runs=(
        RunTotals(
            window="eod",
            status=RunStatus.SUCCESS,
            runs=3,
            inserted=700,
            updated=20,
            identical=4,
            requests=90,
            rate_limit_hits=1,
            last_completed=datetime(2026, 11, 19, 22, 0, tzinfo=UTC),
        ),
        RunTotals(
            window="eod",
            status=RunStatus.FAILED,
            runs=1,
            inserted=30,
            updated=0,
            identical=0,
            requests=10,
            rate_limit_hits=0,
            last_completed=None,
        ),
    ),
    completeness={"SPY": 0.5},
    gaps={GapState.OPEN: GapTotal(2, 60), GapState.LOST: GapTotal(1, 78)},
    database_bytes=1_000_000,
    uncounted=1,
    awaiting=8,
    sessions_awaiting=2,
    implausible=1,
)


def names_in(folder: Path) -> list[str]:
    """Return what lies in a folder."""
    return [file.name for file in folder.iterdir()]


def condition(*, problems: tuple[str, ...] = (), database_up: bool = True) -> Condition:
    """Return how things stand."""
    return Condition(
        problems=problems,
        database_up=database_up,
        connected=True,
        breaker=BreakerState.HALF_OPEN,
        last_run=LAST,
        next_window=NEXT,
    )


async def answered(path: str, found: Condition, method: str = "GET") -> tuple[int, dict[str, str], str]:
    """Ask an endpoint that finds things so."""

    async def now() -> Condition:
        return found

    async def text() -> str:
        return "collector_database_up 1\n"

    async with endpoint("127.0.0.1", 0, now, text) as port:
        return await get(port, path, method)


async def test_all_is_well() -> None:
    """200, with the last run, the next window, gateway and database."""
    status, headers, body = await answered("/healthz", condition())
    assert (status, headers["content-type"]) == (200, "application/json; charset=utf-8")
    assert json.loads(body) == {
        "ok": True,
        "problems": [],
        "database": {"ok": True},
        "gateway": {"connected": True, "breaker": "half_open"},
        "running": None,
        "last_run": {
            "window": "eod",
            "session": "2026-11-19",
            "status": "success",
            "started": "2026-11-20T17:00:00+00:00",
            "completed": None,
        },
        "next_window": {"window": "midday", "session": "2026-11-20", "due": "2026-11-20T17:30:00+00:00"},
    }


@pytest.mark.parametrize("found", [condition(problems=("eod has failed",)), condition(database_up=False)])
async def test_something_needs_somebody(found: Condition) -> None:
    """503 when a required window has failed, and when the database is down."""
    status, _, body = await answered("/healthz", found)
    assert (status, json.loads(body)["ok"]) == (503, False)


async def test_metrics_are_plain_text() -> None:
    """/metrics answers in the format's own content type."""
    status, headers, body = await answered("/metrics", condition())
    assert (status, headers["content-type"], body) == (
        200,
        "text/plain; version=0.0.4; charset=utf-8",
        "collector_database_up 1\n",
    )


async def test_what_else_is_asked() -> None:
    """HEAD has no body, other methods and paths are refused."""
    assert (await answered("/healthz?verbose", condition(), "HEAD"))[::2] == (200, "")
    assert (await answered("/healthz", condition(), "POST"))[0] == 405
    assert (await answered("/etc/passwd", condition()))[0] == 404


async def well() -> Condition:
    """Find all well."""
    return condition()


async def nothing() -> str:
    """Measure nothing."""
    return ""


@pytest.fixture
def complaints(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What the event loop and we complain of: nothing, whatever clients do."""
    with caplog.at_level(logging.WARNING):
        yield caplog
    assert caplog.records == []


async def test_a_client_that_speaks_no_http_disturbs_nobody(complaints: pytest.LogCaptureFixture) -> None:
    """Garbage, or an endless request, costs a client its connection; the next one is answered."""
    async with endpoint("127.0.0.1", 0, well, nothing) as port:
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"x" * 100_000)
        assert (await get(port, "/healthz"))[0] == 200


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", 431),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 500_000, 431),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 15_000 + b"\r\n\r\n", 200),
        (b"hello\r\n\r\n", 400),
        (b"GET  /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET /healthz\r\nHost: localhost\r\n\r\n", 400),
        (b"GET http://localhost/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"\xff\xfe\x00 / HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", 400),
    ],
    ids=["long", "endless", "just short", "no http", "two blanks", "no version", "absolute", "bytes", "no host", "two"],
)
async def test_a_head_that_is_none(request_: bytes, status: int, complaints: pytest.LogCaptureFixture) -> None:
    """Too long a head is answered as such, a malformed one, too; neither leaves a traceback."""
    async with endpoint("127.0.0.1", 0, well, nothing) as port:
        assert (await sent(port, request_))[0] == status


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("127.0.0.1:8321", 200),
        ("127.8.9.1", 200),
        ("localhost:1", 200),
        ("LocalHost", 200),
        ("[::1]", 200),
        ("[::1]:8321", 200),
        ("monitor.lan", 200),
        ("monitor.lan:443", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("192.168.1.2", 421),
        ("[2001:db8::1]", 421),
        ("", 421),
    ],
)
async def test_only_who_calls_this_machine_by_its_name_is_answered(host: str, status: int) -> None:
    """A web page that has turned its own name into our address gets neither health nor metrics."""
    async with endpoint("127.0.0.1", 0, well, nothing, ["Monitor.lan"]) as port:
        for path in ("/healthz", "/metrics"):
            found, _, body = await get(port, path, host=host)
            assert found == status
            assert (status == 200) is ("serve.names" not in body)


async def test_clients_are_bounded_and_idle_ones_keep_nobody_out(complaints: pytest.LogCaptureFixture) -> None:
    """Of hundreds that say nothing the oldest give way; a monitor is answered all the same."""
    async with endpoint("127.0.0.1", 0, well, nothing) as port:
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(100)]
        assert (await get(port, "/healthz"))[0] == 200
        gone = await asyncio.gather(*(_is_closed(reader) for reader, _ in idle))
        assert gone[:60] == [True] * 60
        assert sum(gone) < 75
        for _, writer in idle:
            writer.close()


async def _is_closed(reader: asyncio.StreamReader) -> bool:
    """Tell whether the other side has hung up."""
    try:
        return await asyncio.wait_for(reader.read(), 0.5) == b""
    except TimeoutError:
        return False


async def test_clients_that_are_open_at_the_end_leave_no_traceback(complaints: pytest.LogCaptureFixture) -> None:
    """An end with clients in every state, also in mid-answer, is a quiet one."""
    asked, never = asyncio.Event(), asyncio.Event()

    async def slowly() -> str:
        asked.set()
        await never.wait()
        return ""

    async with endpoint("127.0.0.1", 0, well, slowly) as port:
        clients = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        clients[0][1].write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        clients[1][1].write(b"GET /heal")
        await asked.wait()
    for reader, writer in clients:
        assert await reader.read() == b""
        writer.close()


async def test_a_scrape_takes_no_connection_of_a_run(plain_database_url: str) -> None:
    """Health and metrics have a connection of their own, on which the server gives up after seconds."""
    clock = SystemClock(AFTER_THE_CLOSE)
    settings = narrow("PLTR", database=DatabaseSettings(url=SecretStr(plain_database_url), pool_size=1))
    async with opening.database(settings, clock) as db, opening.onlooker(settings, clock) as onlooker:
        async with db.transaction():  # the run's only connection
            async with asyncio.timeout(5):
                assert (await metrics.gather(onlooker, settings, Calendar(), clock.now())).database_bytes > 0
        async with onlooker.transaction() as one:
            assert await one._own.fetchval("SHOW statement_timeout") == "5s"


async def test_a_taken_port_is_a_mistake_of_the_configuration() -> None:
    """It is told with the port and the setting to change."""

    async def never() -> Condition:
        return condition()

    async def text() -> str:
        return ""

    async with endpoint("127.0.0.1", 0, never, text) as port:
        with pytest.raises(ConfigurationError, match=f"127.0.0.1:{port}") as refused:
            async with endpoint("127.0.0.1", port, never, text):
                pass
    assert "serve.port" in refused.value.hint


def test_every_metric() -> None:
    """Figures of the tables, of the last run and of the process, each under its name with its labels."""
    pace = Pace(3, 9, 1.5, 0.25, pauses=2, breaker=BreakerState.OPEN)
    live = metrics.Live(connected=True, running=False, pace=pace, next_due=NEXT.due)
    report = examples.success()
    assert report.latency is not None
    text = metrics.text(FIGURES, NOON, last=report, live=live)
    assert samples(text) == {
        "collector_database_up": 1,
        "collector_written_timestamp_seconds": 1795194000,
        'collector_runs_total{window="eod",status="success"}': 3,
        'collector_runs_total{window="eod",status="failed"}': 1,
        'collector_bars_total{window="eod",kind="inserted"}': 730,
        'collector_bars_total{window="eod",kind="updated"}': 20,
        'collector_bars_total{window="eod",kind="identical"}': 4,
        'collector_requests_total{window="eod"}': 100,
        'collector_pacing_errors_total{window="eod"}': 1,
        'collector_last_success_timestamp_seconds{window="eod"}': 1795125600,
        'collector_completeness_ratio{symbol="SPY"}': 0.5,
        "collector_gaps_open": 2,
        "collector_gap_slots_open": 60,
        "collector_gaps_lost": 1,
        "collector_gap_slots_lost": 78,
        "collector_uncounted_runs": 1,
        "collector_series_awaiting": 8,
        "collector_sessions_awaiting": 2,
        "collector_sessions_implausible": 1,
        "collector_database_bytes": 1_000_000,
        'collector_request_latency_seconds{window="eod",quantile="0.5"}': report.latency.p50_s,
        'collector_request_latency_seconds{window="eod",quantile="0.9"}': report.latency.p90_s,
        'collector_request_latency_seconds{window="eod",quantile="0.99"}': report.latency.p99_s,
        'collector_request_latency_seconds{window="eod",quantile="1"}': report.latency.max_s,
        "collector_gateway_connected": 1,
        'collector_gateway_breaker{state="closed"}': 0,
        'collector_gateway_breaker{state="open"}': 1,
        'collector_gateway_breaker{state="half_open"}': 0,
        "collector_run_active": 0,
        "collector_pacer_limit": 9,
        "collector_pacer_in_flight": 3,
        "collector_pacer_requests_per_second": 1.5,
        "collector_pacer_latency_seconds": 0.25,
        "collector_pacer_pauses_total": 2,
        "collector_next_window_timestamp_seconds": 1795195800,
    }
    helped = re.findall(r"^# HELP (\S+) \S", text, re.MULTILINE)
    typed = re.findall(r"^# TYPE (\S+) (?:gauge|counter)$", text, re.MULTILINE)
    assert helped == typed == list(dict.fromkeys(name.partition("{")[0] for name in samples(text)))


def test_without_a_database_the_metrics_say_so() -> None:
    """Nothing is made up when the tables cannot be read."""
    assert samples(metrics.text(None, NOON)) == {
        "collector_database_up": 0,
        "collector_written_timestamp_seconds": 1795194000,
    }


async def test_one_run_writes_the_textfile(plain_database_url: str, tmp_path: Path) -> None:
    """After a run the file holds what the run table says, readable by all, with no draft beside it."""
    clock = SystemClock(AFTER_THE_CLOSE)
    path = tmp_path / "collector.prom"
    settings = narrow("PLTR", serve=ServeSettings(textfile=path), log=LogSettings(directory=tmp_path))
    async with pool.connect(plain_database_url, clock) as db:
        new = NewRun(window=Window.EOD, day=date(2026, 11, 20), symbols=["PLTR"], started_at=clock.now())
        run_id = await runs_table.open_run(db, new)
        end = RunEnd(status=RunStatus.SUCCESS, completed_at=clock.now(), bars_inserted=42, progress={"attempts": 7})
        await runs_table.close(db, run_id, end)
    opened = pool.connect(plain_database_url, clock)
    await metrics.publish(opened, settings, Calendar(), examples.success(), clock)
    found = samples(path.read_text(encoding="utf-8"))
    assert found['collector_runs_total{window="eod",status="success"}'] == 1
    assert found['collector_bars_total{window="eod",kind="inserted"}'] == 42
    assert found['collector_requests_total{window="eod"}'] == 7
    assert found["collector_database_up"] == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert names_in(tmp_path) == ["collector.prom"]


async def test_a_textfile_that_cannot_be_written_breaks_nothing(tmp_path: Path) -> None:
    """Neither a missing folder nor a missing database reaches the run."""
    clock = SystemClock(AFTER_THE_CLOSE)
    settings = narrow("PLTR", serve=ServeSettings(textfile=tmp_path / "absent" / "collector.prom"))
    nowhere = pool.connect("postgresql://nobody@127.0.0.1:1/none", clock)
    await metrics.publish(nowhere, settings, Calendar(), examples.success(), clock)
    assert names_in(tmp_path) == []
