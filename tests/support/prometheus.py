"""Prometheus and Alertmanager as Debian has them, watching one collector, on ports and in a folder of their own."""

import contextlib
import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.fault_proxy import unused_port

MONITORING = Path(__file__).parents[2] / "deploy/monitoring"
_LIMIT_S = 60.0
_STEP_S = 0.1


@dataclass(frozen=True, slots=True)
class Prometheus:
    """One that runs. port: on which it answers."""

    port: int

    def series(self, expression: str) -> list[dict[str, Any]]:
        """Return the series that an expression of PromQL has now."""
        asked = urllib.parse.urlencode({"query": expression})
        document = json.loads(_answer(f"http://127.0.0.1:{self.port}/api/v1/query?{asked}"))
        assert document["status"] == "success", document
        found: list[dict[str, Any]] = document["data"]["result"]
        return found


def until(holds: Callable[[], object], what: str) -> None:
    """Wait in real time, for what other processes do."""
    limit = time.monotonic() + _LIMIT_S
    while not holds():
        assert time.monotonic() < limit, f"never came about: {what}"
        time.sleep(_STEP_S)


@contextlib.contextmanager
def watching(folder: Path, collector: int, webhook: str) -> Iterator[Prometheus]:
    """Run both for the length of a block, with the project's configuration but for addresses and patience.

    It looks every second. The rules are the project's file; beside it stands a copy of the alert that the collector is
    down, which does not wait for five minutes.

    Args:
        folder: for configuration and data.
        collector: port on which the collector answers.
        webhook: where alerts are sent.
    """
    programs = [shutil.which(name) for name in ("prometheus", "prometheus-alertmanager")]
    if None in programs:
        pytest.skip("needs Prometheus on this machine (Debian: apt-get install prometheus prometheus-alertmanager)")
    prometheus, alertmanager = map(str, programs)
    port, alerts = unused_port(), unused_port()
    (folder / "impatient.yml").write_text(_impatient(), encoding="utf-8")
    told = (MONITORING / "prometheus.yml").read_text(encoding="utf-8").replace("15s", "1s")
    told = told.replace("alertmanager:9093", f"127.0.0.1:{alerts}").replace("127.0.0.1:8321", f"127.0.0.1:{collector}")
    told = told.replace("- rules.yml", f"- {MONITORING / 'rules.yml'}\n  - impatient.yml")
    (folder / "prometheus.yml").write_text(told, encoding="utf-8")
    told = (MONITORING / "alertmanager.yml").read_text(encoding="utf-8")
    told = re.sub(r"#: email_configs:\n(?: +#:  .*\n)+?(?= +#: webhook)", "\n", told).replace("#: ", "")
    told = told.replace("http://127.0.0.1:9000/alerts", webhook).replace("30s", "1s").replace("5m", "1s")
    (folder / "alertmanager.yml").write_text(told, encoding="utf-8")
    with (
        _running(
            alertmanager,
            f"--config.file={folder / 'alertmanager.yml'}",
            f"--storage.path={folder / 'alerts'}",
            f"--web.listen-address=127.0.0.1:{alerts}",
            "--cluster.listen-address=",
        ),
        _running(
            prometheus,
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'metrics'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ),
    ):
        for one in (alerts, port):
            until(partial(_answer, f"http://127.0.0.1:{one}/-/ready"), "Prometheus is ready")
        yield Prometheus(port)


def _impatient() -> str:
    """Return the alert that the collector is down, without its patience."""
    document = yaml.safe_load((MONITORING / "rules.yml").read_text(encoding="utf-8"))
    (group,) = document["groups"]
    (rule,) = [one for one in group["rules"] if one["alert"] == "CollectorDown"]
    return yaml.safe_dump({"groups": [{"name": "impatient", "rules": [rule | {"for": "1s"}]}]})


@contextlib.contextmanager
def _running(*words: str) -> Iterator[None]:
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _answer(url: str) -> str:
    """Return what is answered, "" while nobody does."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - http, on this machine
            found: str = answer.read().decode()
            return found
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return ""
