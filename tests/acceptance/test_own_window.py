"""A window of the owner's, written in the configuration alone: it is like a built-in one everywhere."""

import email
import email.policy
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from collector.clock import SystemClock
from tests.support.command_line import NARROW, Home, gateway_beside, home

Capsys = pytest.CaptureFixture[str]
NEW_YORK = ZoneInfo("America/New_York")
BUILT_IN = (
    "morning", "midday", "expiry_check", "eod", "late_night", "gap_check", "chain_refresh", "weekly", "daily_bars",
    "backup",
)  # fmt: skip
OWN = (
    NARROW.replace("horizon_days: 4", "horizon_days: 7")  # the contracts of the week to come, too
    + "windows:\n  power_hour: {time: '15:30', span: 1h, scope: expiring_and_near, asks: not_covered, priority: 45}\n"
    + "".join(f"  {window}: {{enabled: false}}\n" for window in BUILT_IN)
)
DUE = ("run", "--due", "--json")


@dataclass(frozen=True)
class Account:
    """A home in which power_hour has run; `early`, `punctual` and `again`: what was run before, at, and after it."""

    home: Home
    clock: SystemClock
    early: Any
    punctual: Any
    again: Any


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    """Look what is due on Friday a minute before the window's time, at it, and five minutes later."""
    clock = SystemClock(datetime(2026, 11, 20, 15, 29, tzinfo=NEW_YORK))
    with gateway_beside(clock) as gateway, home(clock, gateway.port, OWN) as made:
        said = []
        for minute in (29, 30, 35):
            clock.set(datetime(2026, 11, 20, 15, minute, tzinfo=NEW_YORK))
            done = made.run(*DUE)
            assert done.code == 0, done.err
            said.append(done.document)
        yield Account(made, clock, *said)


def test_it_runs_at_its_time_and_once(account: Account) -> None:
    """It is due from its minute on, asks for the last hour that lies near, and is not due again."""
    assert account.early == account.again == []
    (report,) = account.punctual
    assert (report["window"], report["session"], report["status"]) == ("power_hour", "2026-11-20", "success")
    assert report["scheduled"] == "2026-11-20T20:30:00+00:00"
    (symbol,) = report["symbols"]
    assert symbol["contracts"] == symbol["contracts_done"] >= 10
    assert "2026-11-20T19:30:00+00:00" <= symbol["first_bar"] <= symbol["last_bar"] < "2026-11-20T20:30:00+00:00"


def test_row_report_mail_and_pages_bear_its_name(account: Account, capsys: Capsys) -> None:
    """Its name is in the run's row, the report's file and page, the mail, the status page, and the week."""
    (run,) = account.home.call(capsys, "status", "--json").document["runs"]
    assert (run["window"], run["status"], run["attempt"]) == ("power_hour", "success", 1)
    assert "power_hour" in account.home.call(capsys, "report", "run").out
    assert account.home.call(capsys, "report", "run", "--json").document["window"] == "power_hour"
    (mail,) = account.home.folder.rglob("*.eml")
    subject = email.message_from_bytes(mail.read_bytes(), policy=email.policy.default)["subject"]
    assert "-power_hour-2026-11-20-" in mail.name
    assert subject.startswith("[collector] power_hour 2026-11-20 OK · ")
    account.clock.set(datetime(2026, 11, 21, 12, tzinfo=NEW_YORK))
    week = account.home.call(capsys, "report", "weekly", "--json").document
    assert [(one["session"], one["window"]) for one in week["runs"]] == [("2026-11-20", "power_hour")]


def test_it_is_scheduled_planned_and_installed(account: Account, capsys: Capsys) -> None:
    """The schedule, a plan and the timers hold it, at 15:30 in New York."""
    account.clock.set(datetime(2026, 11, 21, 12, tzinfo=NEW_YORK))
    shown = account.home.call(capsys, "schedule", "show", "--days", "7", "--json").document
    days = ("2026-11-23", "2026-11-24", "2026-11-25")  # Thursday is Thanksgiving, and Friday closes at 13:00
    assert [(one["window"], one["due"]) for one in shown] == [("power_hour", f"{day}T20:30:00+00:00") for day in days]
    assert account.home.call(capsys, "schedule", "next").out.startswith("power_hour of 2026-11-23: ")
    plan = account.home.call(capsys, "plan", "--window", "power_hour", "--json").document
    assert (plan["window"], plan["session"], plan["scope"]) == ("power_hour", "2026-11-23", "expiring_and_near")
    options = [one for one in plan["order"] if one["instrument"] != "PLTR"]
    spans = {(request["start"], request["end"]) for one in options for request in one["requests"]}
    assert spans == {("2026-11-23T19:30:00+00:00", "2026-11-23T20:30:00+00:00")}
    units = account.home.call(capsys, "schedule", "install", "--systemd", "--user", "--dry-run").out
    assert "collector@power_hour.timer\n" in units
    assert "OnCalendar=Mon..Fri *-*-* 15:30:00 America/New_York" in units


def test_by_hand(account: Account, capsys: Capsys) -> None:
    """`run --window` takes its name as it takes a built-in one's, and lists it beside them when there is none such."""
    account.clock.set(datetime(2026, 11, 20, 15, 36, tzinfo=NEW_YORK))
    done = account.home.call(capsys, "run", "--window", "power-hour", "--json")
    assert (done.code, done.document["window"], done.document["attempt"]) == (0, "power_hour", 2)
    wrong = account.home.call(capsys, "run", "--window", "power_our")
    assert (wrong.code, wrong.complaint) == (2, "unknown window 'power_our'")
    assert wrong.err.rstrip().endswith("weekly, pre_market, backup, archive, daily_bars, manual, power_hour")


def test_a_window_that_was_taken_out_breaks_nothing(account: Account, capsys: Capsys) -> None:
    """Its rows, its report and what was told of it stay readable, and the schedule goes on without it."""
    account.clock.set(datetime(2026, 11, 21, 12, tzinfo=NEW_YORK))
    bare = "".join(line for line in OWN.splitlines(keepends=True) if "power_hour" not in line)
    (account.home.folder / "bare.yaml").write_text(bare, encoding="utf-8")
    shown = {
        words: account.home.call(capsys, *words, "--config", "bare.yaml")
        for words in (("status",), ("report", "run"), ("report", "weekly"), ("schedule", "show"), ("plan",), DUE)
    }
    assert {done.code for done in shown.values()} == {0}
    assert "power_hour" in shown["status",].out
    assert "power_hour" in shown["report", "run"].out
    assert shown[DUE].document == []
