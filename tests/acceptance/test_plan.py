"""`collector plan`: what it says is what the next run then does, and it says when nothing fits."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from collector.clock import SystemClock
from collector.simulator.server import Gateway
from tests.support.command_line import Home, gateway_beside, home
from tests.support.fixtures_simulator import AFTER_THE_CLOSE

Capsys = pytest.CaptureFixture[str]
NEW_YORK = ZoneInfo("America/New_York")
TWO_SYMBOLS = """
symbols: [PLTR, TSLA]
selection:
  horizon_days: 7
  regimes:
    - band: 0.004
      min_strikes: 3
greeks:
  enabled: false
"""


@dataclass(frozen=True)
class Account:
    """A home whose Friday has been collected, the gateway beside it, and the clock of both."""

    home: Home
    gateway: Gateway
    clock: SystemClock

    def name(self, con_id: int) -> str:
        """Return the OCC symbol of a contract of the market, or the symbol of one of its stocks."""
        option = self.gateway.market.option(con_id)
        if option is None:
            return next(one.symbol for one in self.gateway.market.stocks if one.con_id == con_id)
        return f"{option.symbol:<6}{option.expiration:%y%m%d}{option.right}{int(option.strike * 1000):08d}"

    def asked_since(self, before: int) -> list[tuple[str, str]]:
        """Return instrument and series of the historical requests after the first so many, in order of arrival."""
        return [(self.name(one.con_id), one.what_to_show) for one in self.gateway.log.historical[before:]]

    @property
    def asked(self) -> int:
        """How many historical requests the gateway has had so far."""
        return len(self.gateway.log.historical)


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    """Make a fresh account with a gateway, which tells what trades after the close, too; it is Friday evening."""
    clock = SystemClock(AFTER_THE_CLOSE)
    with gateway_beside(clock, ["extended-hours"]) as gateway, home(clock, gateway.port, TWO_SYMBOLS) as made:
        yield Account(made, gateway, clock)


def planned(document: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - JSON has no narrower type
    """Return instrument and series of a plan's requests, in its order."""
    return [(one["instrument"], request["series"]) for one in document["order"] for request in one["requests"]]


def test_before_anything_is_known(account: Account, capsys: Capsys) -> None:
    """A fresh account plans what is due with nothing to ask yet, says why, assumes a pace, and asks nothing."""
    plan = account.home.call(capsys, "plan", "--json").document
    assert (plan["window"], plan["session"], plan["requests"]) == ("eod", "2026-11-20", 0)
    assert [remark.split()[0] for remark in plan["remarks"]] == ["PLTR", "TSLA"]
    assert plan["throughput"] == {"requests_per_s": 1.0, "measured": False, "runs": 0, "requests": 0}
    assert "no past run" in account.home.call(capsys, "plan").out
    assert account.gateway.log.entries == []


def test_the_next_window_after_a_run(account: Account, capsys: Capsys) -> None:
    """Eod done, daily bars come next, then late_night: at 1:00 in Israel, with a deadline, after a measured pace."""
    assert account.home.call(capsys, "run", "--window", "eod").code == 0
    plan = account.home.call(capsys, "plan", "--json").document
    assert (plan["window"], plan["session"]) == ("daily_bars", "2026-11-20")
    assert {one["data_set"] for one in plan["order"]} == {"underlying_bars_1day"}
    before = len(account.gateway.log.entries)
    plan = account.home.call(capsys, "plan", "--window", "late_night", "--json").document
    assert (plan["window"], plan["session"]) == ("late_night", "2026-11-20")
    assert plan["begins"] == "2026-11-20T23:00:00+00:00"
    assert plan["throughput"]["measured"]
    assert plan["throughput"]["requests"] == account.asked
    assert [limit["kind"] for limit in plan["limits"]] == ["gateway_restart", "deadline"]
    assert plan["limits"][0]["at"] == "2026-11-21T04:30:00+00:00"
    shown = account.home.call(capsys, "plan", "--window", "late_night").out
    assert "late_night of Friday 2026-11-20" in shown
    assert "Fri 18:00 New York / Sat 01:00 Israel" in shown
    assert len(account.gateway.log.entries) == before


def test_a_coming_window_is_planned_for_its_own_hour(account: Account, capsys: Capsys) -> None:
    """On Friday evening Monday's eod is planned whole: every selected contract that lives then, 78 slots each."""
    plan = account.home.call(capsys, "plan", "--window", "eod", "--json").document
    assert (plan["session"], plan["begins"]) == ("2026-11-23", "2026-11-23T21:45:00+00:00")
    assert plan["contracts"] > 0
    spans = {(r["start"], r["end"]) for one in plan["order"] for r in one["requests"]}
    assert spans == {("2026-11-23T14:30:00+00:00", "2026-11-23T21:00:00+00:00")}
    assert "2026-11-20" not in {group["expiration"] for group in plan["groups"]}


def test_what_is_planned_is_what_is_asked(account: Account, capsys: Capsys) -> None:
    """With chain and price known, plan and run agree: the same requests, the contracts in the same order."""
    account.clock.set(datetime(2026, 11, 23, 16, 10, tzinfo=NEW_YORK))
    assert account.home.call(capsys, "run", "--window", "manual").code == 0  # covers, but settles nothing yet
    account.clock.set(datetime(2026, 11, 23, 16, 46, tzinfo=NEW_YORK))
    messages = len(account.gateway.log.entries)
    plan = account.home.call(capsys, "plan", "--window", "eod", "--json").document
    dry = account.home.call(capsys, "run", "--window", "eod", "--dry-run", "--json").document
    assert len(account.gateway.log.entries) == messages
    assert planned(dry) == planned(plan)
    assert plan["requests"] == len(planned(plan)) > 60
    before = account.asked
    assert account.home.call(capsys, "run", "--window", "eod").code == 0
    # What is planned is asked from the open on; the others are controls, an hour of what is stored.
    opens = datetime(2026, 11, 23, 9, 30, tzinfo=NEW_YORK)
    whole = [one for one in account.gateway.log.historical[before:] if one.start is not None and one.start <= opens]
    asked = [(account.name(one.con_id), one.what_to_show) for one in whole]
    assert account.asked - before - len(asked) == 6  # one a series and symbol
    assert set(asked) == set(planned(plan))
    assert list(dict.fromkeys(name for name, _ in asked)) == [one["instrument"] for one in plan["order"]]


def test_an_intraday_window_keeps_to_its_scope(account: Account, capsys: Capsys) -> None:
    """Midday asks for what expires or lies near the money only: what is planned on Tuesday morning is asked at noon."""
    account.clock.set(datetime(2026, 11, 24, 12, 31, tzinfo=NEW_YORK))
    narrow = {"COLLECTOR_SELECTION__NEAR_BAND": "0.002"}
    assert account.home.call(capsys, "run", "--window", "midday", "--span", "30 min", **narrow).code == 0
    plan = account.home.call(capsys, "run", "--window", "midday", "--dry-run", "--json", **narrow).document
    everything = account.home.call(capsys, "run", "--window", "manual", "--dry-run", "--json").document
    assert 0 < plan["contracts"] < everything["contracts"]
    before = account.asked
    assert account.home.call(capsys, "run", "--window", "midday", **narrow).code == 0
    proof, *asked = account.asked_since(before)
    assert proof in {("PLTR", "TRADES"), ("TSLA", "TRADES")}  # its own bars are covered; one proves the time
    assert set(asked) == set(planned(plan))
    assert list(dict.fromkeys(name for name, _ in asked)) == [one["instrument"] for one in plan["order"]]


def test_what_does_not_fit_is_named(account: Account, capsys: Capsys) -> None:
    """With a second until the next window most is left over: how much, and which contracts first."""
    more = {
        "COLLECTOR_WINDOWS__MIDDAY__TIME": "12:40",
        "COLLECTOR_WINDOWS__AFTERNOON__ENABLED": "true",
        "COLLECTOR_WINDOWS__AFTERNOON__TIME": "12:41",
    }
    account.clock.set(datetime(2026, 11, 25, 12, 40, 59, tzinfo=NEW_YORK))
    plan = account.home.call(capsys, "plan", "--window", "midday", "--json", **more).document
    first, *_ = plan["limits"]
    assert (plan["window"], first["kind"], first["window"], first["fits"]) == ("midday", "deadline", "afternoon", False)
    left = plan["left_over"]
    assert 0 < left["requests"] <= plan["requests"]
    order = [one["instrument"] for one in plan["order"]]
    assert left["first"] == order[order.index(left["first"][0]) :][: len(left["first"])]
    shown = account.home.call(capsys, "plan", "--window", "midday", **more).out
    assert "left over by then" in shown
    assert "not before its deadline (afternoon)" in shown


def test_a_window_that_asks_for_nothing(account: Account, capsys: Capsys) -> None:
    """The gap check asks IB for no bars, and the plan says so."""
    plan = account.home.call(capsys, "plan", "--window", "gap_check", "--json").document
    assert (plan["requests"], plan["remarks"]) == (0, ["this window asks for no bars"])


def test_mistakes_are_told(account: Account, capsys: Capsys) -> None:
    """A window that does not exist and a day without session are refused in one line."""
    assert account.home.call(capsys, "plan", "--window", "tea").code == 2
    done = account.home.call(capsys, "plan", "--window", "eod", "--date", "2026-11-26")
    assert done.code == 2
    assert "Thanksgiving" in done.complaint
