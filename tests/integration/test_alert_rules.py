"""deploy/monitoring: the tools of Prometheus and Alertmanager find no fault, and each alert fires when it should."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from collector.config.notify_settings import AlertSettings
from tests.unit.test_documentation import anchors

CHECKOUT = Path(__file__).parents[2]
MONITORING = CHECKOUT / "deploy/monitoring"
CASES = sorted((CHECKOUT / "tests/support").glob("alert_rules_*.yml"))
METRICS = (CHECKOUT / "docs/metrics.md").read_text(encoding="utf-8")


def rules() -> list[dict[str, Any]]:
    """Return the alerts."""
    groups = yaml.safe_load((MONITORING / "rules.yml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def said_by(tool: str, *arguments: str | Path) -> str:
    """Return what a tool of Prometheus says of something; it has to be content."""
    program = shutil.which(tool)
    if program is None:
        pytest.skip(f"needs {tool} on this machine (Debian: apt-get install prometheus prometheus-alertmanager)")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_prometheus_takes_configuration_and_rules() -> None:
    """`promtool check config` reads the rules with it."""
    said = said_by("promtool", "check", "config", MONITORING / "prometheus.yml")
    assert f"{len(rules())} rules found" in said


def test_each_alert_fires_when_it_should_and_no_other_with_it() -> None:
    """`promtool test rules` runs the shipped file through times before, at and after what it is about."""
    said = said_by("promtool", "test", "rules", *CASES)
    assert said.count("SUCCESS") == len(CASES) == 2
    proved = {name for case in CASES for name in re.findall(r'alertname="(\w+)"', case.read_text(encoding="utf-8"))}
    assert proved == {rule["alert"] for rule in rules()}


@pytest.mark.parametrize("told", [False, True], ids=["as it is", "with the receivers that it offers"])
def test_alertmanager_takes_its_configuration(told: bool, tmp_path: Path) -> None:
    """What can be uncommented is right, too."""
    text = (MONITORING / "alertmanager.yml").read_text(encoding="utf-8")
    chosen = tmp_path / "alertmanager.yml"
    chosen.write_text(text.replace("#: ", "") if told else text, encoding="utf-8")
    assert "1 receivers" in said_by("amtool", "check-config", chosen)
    (owner,) = yaml.safe_load(chosen.read_text(encoding="utf-8"))["receivers"]
    assert set(owner) == ({"name", "email_configs", "webhook_configs"} if told else {"name"})


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_each_alert_says_what_to_do(rule: dict[str, Any]) -> None:
    """It leads to a heading of the operator's page that says what is to be done, and names documented metrics."""
    said = rule["annotations"]
    assert said["summary"].endswith(".")
    assert said["description"].endswith(".")
    page, _, heading = said["runbook"].partition("#")
    text = (CHECKOUT / page).read_text(encoding="utf-8")
    assert heading in anchors(text)
    section = re.search(rf"^### `?{heading}`?\n(.+?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL | re.IGNORECASE)
    assert section, f"{page} has no heading ### {heading}"
    assert "**Do.**" in section[1]
    named = set(re.findall(r"collector_\w+", rule["expr"]))
    assert named or rule["alert"] == "CollectorDown"
    assert {name for name in named if f"| `{name}`" not in METRICS} == set()


def test_thresholds_are_those_of_the_mails() -> None:
    """An alert and a mail do not contradict each other while both have their usual thresholds."""
    told, by_name = AlertSettings(), {rule["alert"]: rule["expr"] for rule in rules()}
    lowest = f"last_over_time(collector_completeness_ratio[1h]) < {told.completeness_threshold:.2f}"
    assert by_name["CompletenessLow"] == lowest
    assert f"collector_disk_free_bytes < {told.disk_free_gb:.0f}e9 " in by_name["DiskNearlyFull"]
    assert by_name["DiskNearlyFull"].endswith(f"collector_disk_size_bytes < {1 - told.disk_used:.2f}")
