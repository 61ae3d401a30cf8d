"""The demonstration, as a person starts it on a fresh machine on any day; what it leaves is the market's truth."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from collector.app.demo import MARKET, last_evening
from collector.clock import SystemClock
from collector.db.server import embedded
from collector.simulator.market import Market
from collector.simulator.settings import market_settings
from tests.support.command_line import home
from tests.support.fixtures_days import Day
from tests.support.truth import compare

SYMBOLS = ("SPY", "PLTR", "TSLA")


def test_the_demonstration_collects_the_truth(today: Day) -> None:
    """`collector demo --keep` ends with 0 and a report, and every stored value of every slot is the market's.

    Of each expiration that the market lists within five days it takes 11 strikes or more, calls and puts.
    """
    with home(today.clock(), config="") as account:
        kept = account.folder / "kept"
        evening = last_evening(today.clock().now())
        assert evening.date() == today.completed or today.completed is None
        market = Market(11, SystemClock(evening), market_settings(MARKET))
        horizon = evening.date() + timedelta(days=5)
        chains = [market.chain(symbol) for symbol in SYMBOLS]
        listed = [day for chain in chains if chain for day in chain.expirations if evening.date() <= day <= horizon]
        narrow = replace(account, more={"COLUMNS": "80"})
        done = narrow.run("demo", "--keep", str(kept), "--seed", "11")
        try:
            assert done.code == 0, done.err
            assert f"eod · {evening:%a} {evening.day} {evening:%b %Y}" in done.out
            assert "await confirmation: the clock is set half an hour on" in " ".join(done.out.split())
            assert done.out.count("╭") == 1  # the last report, and no other
            assert "Every expected slot of every series is settled." in done.out
            assert all(symbol in done.out for symbol in SYMBOLS)
            command = f"collector db psql --config {kept / 'config.yaml'}"
            assert f"The database is kept; look with: {command}" in done.out  # in one line, to be copied
            assert f"Or in a browser: collector web --open --config {kept / 'config.yaml'}" in done.out
            words = (*command.split()[1:], "--", "-XAtc", "SELECT count(DISTINCT contract_id) > 0 FROM option_bars")
            asked = account.run(*words)
            assert (asked.code, asked.out) == (0, "t\n"), asked.err
            url = embedded.ensure_running(kept / "postgres")
            compared = asyncio.run(compare(url, market, [evening.date()], SYMBOLS))
            assert compared["contracts"] >= len(listed) * 11 * 2 > 0
        finally:
            embedded.stop(kept / "postgres")
