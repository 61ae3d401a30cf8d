"""The page and the notebook for readers run as they stand there, and what they find is the market's."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TypeAlias
from zoneinfo import ZoneInfo

import nbformat
import pytest
from nbclient import NotebookClient

from collector.clock import SystemClock
from collector.db.server import embedded
from collector.simulator import launch
from collector.simulator.launch import TruthRow
from tests.support.command_line import Home, home

PAGE = (Path(__file__).parents[2] / "docs" / "reading.md").read_text(encoding="utf-8")
NOTEBOOK = Path(__file__).parents[2] / "docs" / "reading.ipynb"
NEW_YORK = ZoneInfo("America/New_York")
EVENING = datetime(2026, 11, 20, 17, tzinfo=NEW_YORK)
SESSION = date(2026, 11, 20)
STATEMENTS = dict(re.findall(r"^## ([^\n]+)\n(?:(?!^## ).)*?```sql\n(.+?)```", PAGE, re.MULTILINE | re.DOTALL))
SHOWN = re.findall(r"```sql\n(.+?)```\n\n```\n(.+?)\n```", PAGE, re.DOTALL)
SLOTS = [datetime(2026, 11, 20, 14, 30, tzinfo=UTC) + n * timedelta(minutes=5) for n in range(81)]
LEGS = {f"SPY   261123{right}00{strike}000": (right, strike) for right in "CP" for strike in (696, 700)}
Truth: TypeAlias = dict[tuple[str, str, datetime], TruthRow]

_NOTEBOOK_FINDINGS = """
import json
print(json.dumps({
    "history": prices.close.dropna().tolist(),
    "bids": prices.bid_close.dropna().tolist(),
    "complete": history.complete,
    "box": [[one.isoformat(), cost] for one, cost in box.at_the_end.dropna().items()],
    "expected": coverage.to_pandas().groupby("series").expected.sum().to_dict(),
    "settled": coverage.to_pandas().groupby("series").settled.sum().to_dict(),
    "rows": len(bars),
}))
"""
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
def truth() -> Truth:
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


def _cost(truth: Truth, slot: datetime, bought: str, sold: str) -> Decimal:
    """Return what the box costs: two legs at one price of their asks, two at one of their bids."""
    paid = Decimal(0)
    for contract, leg in LEGS.items():
        is_bought = leg in {("C", 696), ("P", 700)}
        bar = truth[contract, "ASK" if is_bought else "BID", slot]
        paid += getattr(bar, bought) if is_bought else -getattr(bar, sold)
    return paid


def _boxes(truth: Truth) -> dict[datetime, Decimal]:
    """Return what the box costs at the end of each slot in which all legs have both quotes."""
    sides = [(leg, what) for leg in LEGS for what in ("BID", "ASK")]
    return {slot: _cost(truth, slot, "close", "close") for slot in SLOTS if all((*one, slot) in truth for one in sides)}


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


def test_a_history_is_the_markets(demonstration: Home, truth: Truth) -> None:
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


def test_a_box_costs_what_its_legs_do(demonstration: Home, truth: Truth) -> None:
    """What the four legs cost at the ends of slots and at their extremes is what the market's quotes add up to."""
    cheapest = sorted((paid, slot) for slot, paid in _boxes(truth).items())[:3]
    found = _rows(demonstration, STATEMENTS["A box"])
    assert [(Decimal(paid), _slot(ny)) for ny, paid in found] == cheapest
    extremes = _rows(demonstration, STATEMENTS["Executable extremes"])
    assert len(extremes) == 6
    for ny, *told in extremes:
        slot = _slot(ny)
        ends = [("low", "high"), ("close", "close"), ("high", "low")]
        assert [Decimal(one) for one in told] == [_cost(truth, slot, *sides) for sides in ends]


def test_programs_read_the_same(demonstration: Home, truth: Truth) -> None:
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
    contract = "SPY   261123C00700000"
    trades = [truth.get((contract, "TRADES", slot)) for slot in SLOTS]
    assert [(datetime.fromisoformat(time), volume) for time, volume in found["history"]] == [
        (slot, 0 if trade is None else int(trade.volume)) for slot, trade in zip(SLOTS, trades, strict=True)
    ]
    quotes = [(truth.get((contract, "BID", slot)), truth.get((contract, "ASK", slot))) for slot in SLOTS]
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


def test_the_notebook_runs(demonstration: Home, truth: Truth, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each cell runs in a kernel of its own, no output is committed, and what it finds is the market's."""
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")  # its own warning says so
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    notebook = nbformat.read(NOTEBOOK, nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert all(not cell.outputs and cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code")
    notebook.cells.append(nbformat.v4.new_code_cell(_NOTEBOOK_FINDINGS))
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(demonstration.folder)}})
    client.execute(env=demonstration.environment())
    found = json.loads("".join(one.text for one in notebook.cells[-1].outputs if one.name == "stdout"))
    contract = "SPY   261123C00700000"
    closes = {what: [truth.get((contract, what, slot)) for slot in SLOTS] for what in ("TRADES", "BID")}
    assert found["history"] == [float(bar.close) for bar in closes["TRADES"] if bar]
    assert found["bids"] == [float(bar.close) for bar in closes["BID"] if bar]
    assert found["complete"] is True
    boxes = {datetime.fromisoformat(time).astimezone(UTC): cost for time, cost in found["box"]}
    assert boxes == pytest.approx({slot: float(cost) for slot, cost in _boxes(truth).items()}, abs=1e-9)
    assert found["expected"] == found["settled"] == dict.fromkeys(("TRADES", "BID", "ASK"), 168 * 81)
    assert found["rows"] == 46 * 78
