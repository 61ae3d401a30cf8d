"""A first evening with the schedule on any day: what is due, what is next, and that what is settled is the truth."""

import asyncio
from datetime import UTC, date, datetime

import pytest

from collector.db.server import embedded
from collector.simulator.server import Gateway
from tests.support.command_line import NARROW, gateway_beside, home
from tests.support.fixtures_days import Day
from tests.support.truth import option_truth, selected, span_of, stored_options

WEEK = NARROW.replace("horizon_days: 4", "horizon_days: 7")
"""PLTR's contracts expire on Fridays."""

DUE = {
    "expiry-friday": (["eod 2026-11-20"], "daily_bars 2026-11-20T22:30Z"),
    "saturday-noon": (["late_night 2026-11-20", "weekly 2026-11-20"], "chain_refresh 2026-11-22T23:00Z"),
    "sunday-evening": (["chain_refresh 2026-11-23"], "gap_check 2026-11-23T06:00Z"),
    "mid-session": (["late_night 2026-11-23", "morning 2026-11-24"], "midday 2026-11-24T17:30Z"),
    "thanksgiving": (["late_night 2026-11-25"], "gap_check 2026-11-27T06:00Z"),
    "half-day-evening": (["eod 2026-11-27"], "daily_bars 2026-11-27T22:30Z"),
    "new-years-eve": (["late_night 2026-12-31"], "backup 2027-01-01T07:00Z"),
    "us-spring-week": (["eod 2027-03-15"], "late_night 2027-03-15T23:00Z"),
    "israels-spring-night": (["late_night 2027-03-25"], "backup 2027-03-26T06:00Z"),
    "before-a-holiday": (["eod 2027-07-02"], "late_night 2027-07-02T22:00Z"),
    "israels-autumn-night": (["backup 2026-10-23"], "chain_refresh 2026-10-25T22:00Z"),
    "us-autumn-night": (["weekly 2026-10-30"], "chain_refresh 2026-11-01T23:00Z"),
    "leap-day": (["eod 2028-02-29"], "late_night 2028-02-29T23:00Z"),
    "year-end-half-day": (["eod 2026-12-24"], "late_night 2026-12-24T23:00Z"),
}
"""By hand from the table of windows: what a first start makes good (the most urgent window of the last 24 hours, and
what was due within two hours), and what comes next."""


def test_what_is_due_on_any_day(today: Day, capsys: pytest.CaptureFixture[str]) -> None:
    """`run --due` on a fresh account runs what the day asks for, and nothing twice; settled sessions are the truth."""
    clock = today.clock()
    with gateway_beside(clock) as gateway, home(clock, gateway.port, config=WEEK) as account:
        done = account.call(capsys, "run", "--due", "--json")
        assert done.code == 0, done.err
        assert {run["status"] for run in done.document} == {"success"}
        asked = len(gateway.log.historical)
        again = account.call(capsys, "run", "--due", "--json")
        assert (again.code, again.document, len(gateway.log.historical)) == (0, [], asked)
        assert gateway.log.violations == []
        following = account.call(capsys, "schedule", "next", "--json").document
        if today.name in DUE:
            due, coming = DUE[today.name]
            assert [f"{run['window']} {run['session']}" for run in done.document] == due
            instant = datetime.fromisoformat(following["due"]).astimezone(UTC)
            assert f"{following['window']} {instant:%Y-%m-%dT%H:%MZ}" == coming
        for window in ("status", "gaps"):
            assert account.call(capsys, window, "--json").code == 0
        settled = {
            date.fromisoformat(run["session"])
            for run in done.document
            if any(symbol["settled"] == symbol["expected"] for symbol in run["symbols"])
        }
        asyncio.run(check_truth(embedded.ensure_running(account.data_dir), gateway, settled))


async def check_truth(url: str, gateway: Gateway, days: set[date]) -> None:
    """Assert that every contract that was selected for a session has its true rows."""
    stored = await stored_options(url)
    for day in days:
        chosen = await selected(url, day)
        assert len(chosen) >= 10
        for con_id in chosen:
            rows = {slot: row for slot, row in stored[con_id].items() if span_of([day])[0] <= slot < span_of([day])[1]}
            assert rows == option_truth(gateway.market, con_id, span_of([day])), (con_id, day)
