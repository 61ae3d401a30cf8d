"""A real Prometheus and Alertmanager watch a real `collector serve`; every panel of the dashboards has an answer."""

import asyncio
import contextlib
import http.server
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from collector.clock import SystemClock
from collector.db.server import embedded
from tests.support.command_line import Home, gateway_beside, home
from tests.support.fault_proxy import unused_port
from tests.support.fixtures_simulator import AFTER_THE_CLOSE
from tests.support.prometheus import MONITORING, Prometheus, until, watching

DASHBOARDS = ("data", "gateway")
SINCE, UNTIL = AFTER_THE_CLOSE - timedelta(days=30), AFTER_THE_CLOSE + timedelta(days=1)
LONGEST_S = 4.25 * 86_400
"""How long eod may go without a success, as rules.yml has it."""


class Webhook(http.server.BaseHTTPRequestHandler):
    """Takes alerts."""

    alerts: list[Mapping[str, Any]]

    def do_POST(self) -> None:
        """Keep what comes."""
        self.alerts += json.loads(self.rfile.read(int(self.headers["Content-Length"])))["alerts"]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *words: object) -> None:
        """Say nothing."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A collector that has collected a session, and who watches it. alerts: those that were sent so far."""

    account: Home
    port: int
    process: "subprocess.Popen[str]"
    prometheus: Prometheus
    alerts: list[Mapping[str, Any]]

    def read(self, statement: str) -> list[asyncpg.Record]:
        """Ask its database as somebody who may only read."""

        async def rows() -> list[asyncpg.Record]:
            connection = await asyncpg.connect(embedded.ensure_running(self.account.data_dir))
            try:
                await connection.execute("SET ROLE collector_ro")
                found: list[asyncpg.Record] = await connection.fetch(statement)
                return found
            finally:
                await connection.close()

        return asyncio.run(rows())


async def _succeeded(account: Home, at: datetime) -> None:
    """Let eod's success be of another time."""
    connection = await asyncpg.connect(embedded.ensure_running(account.data_dir))
    try:
        await connection.execute("UPDATE intraday_collection_runs SET completed_at = $1 WHERE run_type = 'eod'", at)
    finally:
        await connection.close()


@contextlib.contextmanager
def _webhook() -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    Webhook.alerts = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Webhook) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/alerts", Webhook.alerts
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A small session was collected, and backed up; `collector serve` is watched."""
    folder, clock, port = tmp_path_factory.mktemp("monitoring"), SystemClock(AFTER_THE_CLOSE), unused_port()
    with (
        gateway_beside(clock) as gateway,
        home(clock, gateway.port, COLLECTOR_SERVE__PORT=str(port)) as account,
        _webhook() as (webhook, alerts),
    ):
        account.more["COLLECTOR_ARCHIVE__PLACE"] = str(account.folder / "archive")
        for words in (("run", "--window", "eod"), ("db", "roles"), ("db", "backup")):
            done = account.run(*words)
            assert done.code == 0, done.err
        asyncio.run(_succeeded(account, datetime.now(UTC)))  # Prometheus goes by the machine's clock
        process = account.start("serve")
        try:
            with watching(folder, port, webhook) as prometheus:
                looked = 'count_over_time(collector_database_up{job="collector"}[1m]) >= 3'
                until(lambda: prometheus.series(looked), "Prometheus has looked three times")
                yield Watched(account, port, process, prometheus, alerts)
        finally:
            process.kill()
            process.communicate()


def panels(dashboard: str) -> list[dict[str, Any]]:
    """Return the panels of a dashboard."""
    document = json.loads((MONITORING / f"dashboards/{dashboard}.json").read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = document["panels"]
    return found


def expanded(sql: str) -> str:
    """Return a statement as Grafana's PostgreSQL data source would ask it."""
    since, until_ = (f"'{one.isoformat()}'" for one in (SINCE, UNTIL))
    sql = re.sub(r"\$__timeFilter\(([\w.]+)\)", rf"\1 BETWEEN {since} AND {until_}", sql)
    sql = sql.replace("$__timeFrom()", since).replace("$__timeTo()", until_)
    for name, seconds in (("1d", 86_400), ("1h", 3_600)):
        bucket = rf'floor(extract(epoch from \1)/{seconds})*{seconds} AS "time"'
        sql = re.sub(rf"\$__timeGroupAlias\(([\w.]+), '{name}'\)", bucket, sql)
    assert "$__" not in sql
    return sql


def test_dashboards_are_what_the_program_makes(tmp_path: Path) -> None:
    """The committed files are made anew, byte by byte; each panel's title is a question, asked once."""
    subprocess.run([sys.executable, MONITORING / "make_dashboards.py", tmp_path], check=True, timeout=60)
    for name in DASHBOARDS:
        made = (tmp_path / f"{name}.json").read_text(encoding="utf-8")
        assert made == (MONITORING / f"dashboards/{name}.json").read_text(encoding="utf-8")
        titles = [panel["title"] for panel in panels(name)]
        assert all(title.endswith("?") for title in titles)
        assert len(titles) == len(set(titles)) > 10
    used = {panel["targets"][0]["rawSql"] for panel in panels("data")}
    kept = {
        path.read_text(encoding="utf-8").partition("\n")[2].strip() for path in (MONITORING / "queries").glob("*.sql")
    }
    assert used == kept


@pytest.mark.parametrize("panel", panels("data"), ids=lambda panel: panel["title"])
def test_tables_answer_every_question(watched: Watched, panel: dict[str, Any]) -> None:
    """Each statement gives rows after one session, to somebody who may only read; those over time have a time."""
    (target,) = panel["targets"]
    rows = watched.read(expanded(target["rawSql"]))
    assert rows
    assert ("time" in rows[0]) == (target["format"] == "time_series") == (panel["type"] != "table")


@pytest.mark.parametrize("panel", panels("gateway"), ids=lambda panel: panel["title"])
def test_metrics_answer_every_question(watched: Watched, panel: dict[str, Any]) -> None:
    """Each expression has series in Prometheus, with the labels that its legend names."""
    for target in panel["targets"]:
        series = watched.prometheus.series(target["expr"].replace("$__rate_interval", "30s"))
        assert series, target["expr"]
        assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= set(series[0]["metric"])


def test_scrapes_are_small_and_documented(watched: Watched) -> None:
    """After a run there are at most 500 series, without contracts' ids, and the page on metrics names just these."""
    series = watched.prometheus.series('{__name__=~"collector_.+"}')
    assert 100 < len(series) <= 500
    page = (MONITORING.parents[1] / "docs/metrics.md").read_text(encoding="utf-8")
    documented = dict(re.findall(r"^\| `(collector_\w+)`[ ¹²]* \| (.*?) \|", page, re.MULTILINE))
    found: dict[str, set[str]] = {}
    for one in series:
        labels = {name: value for name, value in one["metric"].items() if name not in ("job", "instance", "le")}
        name = re.sub(r"(?<=duration_seconds)_(?:bucket|sum|count)$", "", labels.pop("__name__"))
        found.setdefault(name, set()).update(labels)
        assert not any(re.search(r"\d{6}[CP]\d{8}", value) for value in labels.values())
    rare = {"collector_window_missed_timestamp_seconds", "collector_pacer_latency_seconds"}
    assert found.keys() - documented.keys() == set()
    assert documented.keys() - found.keys() <= rare
    assert {name: set(re.findall(r"`(\w+)`", documented[name])) for name in found} == found


def test_a_killed_collector_is_told(watched: Watched) -> None:
    """The shipped rule fires when eod's last success gets too old while nobody answers; so does its being down."""
    success = 'collector_last_success_timestamp_seconds{window="eod"}'
    for margin_s in (8, 16, 32):  # until it is too old; a busy machine needs longer to see it
        last = datetime.now(UTC) - timedelta(seconds=LONGEST_S - margin_s)
        asyncio.run(_succeeded(watched.account, last))
        seen = f"abs({success} - {last.timestamp()}) < 1"
        until(partial(watched.prometheus.series, seen), "Prometheus knows the last success")
        if not watched.prometheus.series('ALERTS{alertname="LastSuccessTooOld"}'):
            break
    else:
        pytest.fail("the alert fired before the collector was killed")
    watched.alerts.clear()
    watched.process.kill()

    def told() -> bool:
        return {"LastSuccessTooOld", "CollectorDown"} <= {one["labels"]["alertname"] for one in watched.alerts}

    until(told, "both alerts reach the owner")
    by_name = {one["labels"]["alertname"]: one for one in watched.alerts}
    assert not watched.prometheus.series(success)
    assert by_name["LastSuccessTooOld"]["labels"]["window"] == "eod"
    assert by_name["LastSuccessTooOld"]["status"] == "firing"
    assert by_name["LastSuccessTooOld"]["annotations"]["summary"].startswith(
        "The window eod has not succeeded for 4d 6h"
    )
    assert by_name["CollectorDown"]["annotations"]["runbook"] == "docs/operations.md#collectordown"
