"""The demonstration, as a person starts it on a fresh machine; what it leaves behind is the market's truth."""

import asyncio
from datetime import UTC, datetime

from collector.clock import SystemClock
from collector.db import embedded
from collector.demo import last_evening
from collector.simulator.market import Market
from tests.command_line import home
from tests.truth import compare

SYMBOLS = ("SPY", "PLTR", "TSLA")


def test_the_demonstration_collects_the_truth() -> None:
    """`collector demo --keep` ends with 0 and a report, and every stored value of every slot is the market's."""
    with home(config="") as account:
        kept = account.folder / "kept"
        evening = last_evening(datetime.now(UTC))
        done = account.run("demo", "--keep", str(kept), "--seed", "11")
        try:
            assert done.code == 0, done.err
            assert "Every expected slot of every series is settled." in done.out
            assert all(symbol in done.out for symbol in SYMBOLS)
            assert "The database is kept; look with: psql" in done.out
            url = embedded.ensure_running(kept / "postgres")
            compared = asyncio.run(compare(url, Market(11, SystemClock(evening)), [evening.date()], SYMBOLS))
            assert compared["contracts"] >= 200
        finally:
            embedded.stop(kept / "postgres")
