"""The page for readers: its statements and programs run as they stand there, and what they find is the market's."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from collector.clock import SystemClock
from collector.db.server import embedded
from collector.simulator import launch
from collector.simulator.launch import TruthRow
from tests.support.command_line import Home, home

PAGE = (Path(__file__).parents[2] / "docs" / "reading.md").read_text(encoding="utf-8")
NEW_YORK = ZoneInfo("America/New_York")
EVENING = datetime(2026, 11, 20, 17, tzinfo=NEW_YORK)
SESSION = date(2026, 11, 20)
STATEMENTS = dict(re.findall(r"^## ([^\n]+)\n(?:(?!^## ).)*?```sql\n(.+?)```", PAGE, re.MULTILINE | re.DOTALL))
SHOWN = re.findall(r"```sql\n(.+?)```\n\n```\n(.+?)\n```", PAGE, re.DOTALL)
LEGS = {f"SPY   261123{right}00{strike}000": (right, strike) for right in "CP" for strike in (696, 700)}

_FINDINGS = """
import json
print(json.dumps({
    "history": [[one.isoformat(), volume] for one, volume in history.volume.items()],
    "mid": mid.dropna().round(4).tolist(),
    "hours": len(hourly),
    "rows": day.height,
    "quoted": {row["symbol"]: [row["slots"], row["with_bid"], row["traded"]] for row in quoted.iter_rows(named=True)},
    "spreads": [sum(one[2] for one in spreads), len(spreads)],
}))
"""


@pytest.fixture(scope="module")
def demonstration() -> Iterator[Home]:
    """An account that has the demonstration of the page, and is in its folder."""
    with home(SystemClock(EVENING), config="") as account:
        kept = account.folder / "demo"
        done = account.run("demo", "--keep", str(kept))
        try:
            assert done.code == 0, done.err
            path = f"{Path(sys.executable).parent}:{account.environment()['PATH']}"
            yield replace(account, more={"COLLECTOR_CONFIG": str(kept / "config.yaml"), "PATH": path})
        finally:
            embedded.stop(kept / "postgres")


@pytest.fixture(scope="module")
def truth() -> dict[tuple[str, str, datetime], TruthRow]:
    """Every bar of SPY's session in the demonstration's market, by contract, series and time."""
    rows = launch.truth_rows(7, SystemClock(EVENING), "SPY", SESSION, market="calibrated")
    return {(row.contract, row.what_to_show, row.time): row for row in rows}


def _rows(account: Home, statement: str) -> list[list[str]]:
    done = account.run("db", "psql", "--", "-XAtc", statement)
    assert done.code == 0, done.err
    return [line.split("|") for line in done.out.splitlines()]


def _slot(ny: str) -> datetime:
    hour, minute = map(int, ny.split(":"))
    return datetime(2026, 11, 20, hour, minute, tzinfo=NEW_YORK).astimezone(UTC)


def test_the_page_has_what_it_promises() -> None:
    """There is a statement for each question, and each has its answer below it."""
    assert {"A history", "A surface", "A box", "Executable extremes", "The last traded bar"} < STATEMENTS.keys()
    assert len(SHOWN) == PAGE.count("```sql") == 9


@pytest.mark.parametrize("number", range(len(SHOWN)))
def test_statements_find_what_is_shown(demonstration: Home, number: int) -> None:
    """Psql prints what the page shows, line by line."""
    statement, shown = SHOWN[number]
    done = demonstration.run("db", "psql", "--", "-X", "-c", statement)
    assert done.code == 0, done.err
    assert [line.rstrip() for line in done.out.rstrip().splitlines()] == shown.splitlines()


def test_a_history_is_the_markets(demonstration: Home, truth: dict[tuple[str, str, datetime], TruthRow]) -> None:
    """Closes, volumes, quotes and the underlying's price of the contract's slots are those of the market."""
    rows = _rows(demonstration, STATEMENTS["A history"])
    assert len(rows) == 6
    for ny, close, volume, bid, ask, _, _, spot in rows:
        trade = truth.get(("SPY   261123C00700000", "TRADES", _slot(ny)))
        assert (
            (close, int(volume)) == ("", 0)
            if trade is None
            else (Decimal(close), int(volume)) == (trade.close, int(trade.volume))
        )
        quotes = [truth["SPY   261123C00700000", what, _slot(ny)].close for what in ("BID", "ASK")]
        assert [Decimal(bid), Decimal(ask)] == quotes
        assert Decimal(spot) == truth["SPY", "TRADES", _slot(ny)].close


def test_a_box_costs_what_its_legs_do(demonstration: Home, truth: dict[tuple[str, str, datetime], TruthRow]) -> None:
    """What the four legs cost at the ends of slots and at their extremes is what the market's quotes add up to."""

    def cost(slot: datetime, bought: str, sold: str) -> Decimal:
        paid = Decimal(0)
        for contract, leg in LEGS.items():
            is_bought = leg in {("C", 696), ("P", 700)}
            bar = truth[contract, "ASK" if is_bought else "BID", slot]
            paid += getattr(bar, bought) if is_bought else -getattr(bar, sold)
        return paid

    opened = _slot("09:30")
    slots = [opened + n * timedelta(minutes=5) for n in range(81)]
    known = [slot for slot in slots if all((leg, what, slot) in truth for leg in LEGS for what in ("BID", "ASK"))]
    cheapest = sorted((cost(slot, "close", "close"), slot) for slot in known)[:3]
    found = _rows(demonstration, STATEMENTS["A box"])
    assert [(Decimal(paid), _slot(ny)) for ny, paid in found] == cheapest
    extremes = _rows(demonstration, STATEMENTS["Executable extremes"])
    assert len(extremes) == 6
    for ny, *told in extremes:
        slot = _slot(ny)
        ends = [("low", "high"), ("close", "close"), ("high", "low")]
        assert [Decimal(one) for one in told] == [cost(slot, *sides) for sides in ends]


def test_programs_read_the_same(demonstration: Home, truth: dict[tuple[str, str, datetime], TruthRow]) -> None:
    """pandas, polars and DuckDB get each slot once, with the market's volumes and quotes."""
    program = "\n".join(re.findall(r"```python\n(.+?)```", PAGE, re.DOTALL)) + _FINDINGS
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=demonstration.folder,
        env=demonstration.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    contract, opened = "SPY   261123C00700000", _slot("09:30")
    slots = [opened + n * timedelta(minutes=5) for n in range(81)]
    trades = [truth.get((contract, "TRADES", slot)) for slot in slots]
    assert [(datetime.fromisoformat(time), volume) for time, volume in found["history"]] == [
        (slot, 0 if trade is None else int(trade.volume)) for slot, trade in zip(slots, trades, strict=True)
    ]
    quotes = [(truth.get((contract, "BID", slot)), truth.get((contract, "ASK", slot))) for slot in slots]
    middles = [float((bid.close + ask.close) / 2) for bid, ask in quotes if bid and ask]
    assert found["mid"] == pytest.approx(middles, abs=1e-9)
    assert found["hours"] == 8  # from 9 to 16 o'clock
    counted = (
        "SELECT symbol, count(*), count(bid_close), count(*) FILTER (WHERE volume > 0) FROM option_bars GROUP BY 1"
    )
    counts = {symbol: [int(one) for one in rest] for symbol, *rest in _rows(demonstration, counted)}
    assert found["quoted"] == counts
    assert found["rows"] == sum(one[0] for one in counts.values())
    assert found["spreads"] == [sum(one[1] for one in counts.values()), 168 + 46 + 34]
