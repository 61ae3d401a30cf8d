"""Plans of the hot queries: the right chunk, the right index, and no more rows read than the answer needs."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from collector.config.package_files import resource
from collector.db.connection.statements import query
from collector.research import database as research_database
from tests.support.engines import Engine, run
from tests.support.fixtures_engines import Matrix
from tests.support.whole_numbers import insert

_CONTRACTS = 200
_DAYS = 12
_FIRST = datetime(2026, 11, 2, tzinfo=UTC)
_DAY = timedelta(days=1)
_SLOT = _FIRST + 5 * _DAY + timedelta(hours=16)
_SETTINGS = {"plan_cache_mode": "force_custom_plan", "jit": "off"}
"""Of the collector's own connections."""

_BARS = insert(
    "option_bars_5min",
    "time, contract_id, open, high, low, close, volume",
    f"""
    SELECT day + slot * INTERVAL '5 minutes', c, 1, 2, 0.5, 1.5, slot
    FROM generate_series(0, {_DAYS - 1}) AS d,
        LATERAL (SELECT '2026-11-02 14:30Z'::timestamptz + d * INTERVAL '1 day') AS t (day),
        generate_series(1, {_CONTRACTS}) AS c, generate_series(0, 77) AS slot
    ORDER BY 1, 2
    """,  # noqa: S608 - numbers of ours
)
_FILL = f"""
INSERT INTO underlying_securities (symbol, ib_con_id, sec_type, exchange, currency)
SELECT s, row_number() OVER (), 'STK', 'SMART', 'USD' FROM unnest(ARRAY['SPY', 'TSLA']) AS s;
INSERT INTO option_chains (underlying_id, contract_symbol, expiration_date, strike_price, option_type, ib_con_id,
    multiplier, exchange, trading_class, currency)
SELECT 1 + 2 * n / ({_CONTRACTS} + 2), n::text, '2026-12-18', n, 'C', n, 100, 'SMART', 'X', 'USD'
FROM generate_series(1, {_CONTRACTS}) AS n;
INSERT INTO option_contract_lifecycle (contract_id, first_seen, listed_since, last_seen, selected)
SELECT id, '2026-11-02', '2026-11-02', '2026-11-13', '{{[2026-11-02,2026-11-14)}}' FROM option_chains;
INSERT INTO intraday_collection_runs (run_date, run_type, attempt, started_at, heartbeat_at, symbols_requested,
    bar_size, status)
VALUES ('2026-11-13', 'eod', 1, '2026-11-13 22:00Z', '2026-11-13 22:00Z', '{{SPY}}', '5 mins', 'success');
{_BARS};
INSERT INTO requests (sent_at, answered_at, instrument_id, data_set, what_to_show, span, outcome, bars)
SELECT sent, sent + INTERVAL '1 second', 1 + n, 1, 'TRADES', tstzrange(sent, sent + INTERVAL '1 day'), 'bars', 78
FROM generate_series(0, {_DAYS - 1}) AS d, generate_series(0, 99) AS n,
    LATERAL (SELECT '2026-11-02 22:00Z'::timestamptz + d * INTERVAL '1 day' + n * INTERVAL '1 second') AS t (sent);
"""  # noqa: S608 - numbers of ours


@pytest.fixture(scope="module")
def filled(engine_matrix: Matrix) -> Iterator[Callable[[Engine], str]]:
    """Give the URL of an engine's filled database, which the tests of this module share and only read."""
    urls: dict[str, str] = {}
    with ExitStack() as stack:

        def url_of(engine: Engine) -> str:
            if engine.name not in urls:
                made = contextmanager(engine_matrix.create)(engine, engine_matrix.template(engine))
                urls[engine.name] = stack.enter_context(made)
                run(_fill(engine, urls[engine.name]))
            return urls[engine.name]

        yield url_of


async def _fill(engine: Engine, url: str) -> None:
    """Fill in twelve days of 200 contracts, summed up but for the last, as autovacuum leaves them."""
    connection = await asyncpg.connect(url)
    await connection.execute(_FILL)
    if engine.name == "community":
        last = _FIRST + (_DAYS - 1) * _DAY
        summary = "store.underlying_intraday_summary"
        await connection.execute(f"CALL refresh_continuous_aggregate('{summary}', NULL, '{last}')")
    await connection.execute("VACUUM ANALYZE")  # sums up the block ranges of what was inserted, too
    await connection.close()


@pytest_asyncio.fixture
async def connection(
    engine: Engine, filled: Callable[[Engine], str]
) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Give a connection like the collector's to the filled database."""
    opened = await asyncpg.connect(filled(engine), server_settings=_SETTINGS)
    yield opened
    await opened.close()


async def _plan(connection: "asyncpg.Connection[asyncpg.Record]", text: str, *args: object) -> dict[str, Any]:
    found = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {text}", *args)
    plan: dict[str, Any] = json.loads(found)[0]["Plan"]
    return plan


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


def _scans(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the nodes that read bars and were run at all."""
    return [
        node
        for node in _nodes(plan)
        if ("option_bars" in node.get("Relation Name", "") or "_hyper_" in node.get("Relation Name", ""))
        and node["Actual Loops"] > 0
        and node["Node Type"] != "Custom Scan"  # TimescaleDB's own nodes, above the scans of chunks
    ]


def _rows_read(plan: dict[str, Any]) -> float:
    """Return how many rows were looked at in tables of bars, those that were thrown away included."""
    thrown = ("Rows Removed by Filter", "Rows Removed by Index Recheck")
    return sum(
        float(node["Actual Loops"] * (node["Actual Rows"] + sum(node.get(key, 0) for key in thrown)))
        for node in _scans(plan)
    )


def _batches_read(plan: dict[str, Any]) -> float:
    """Return how many batches of compressed rows were opened."""
    return sum(float(n["Actual Rows"]) for n in _nodes(plan) if "compress_hyper" in n.get("Relation Name", ""))


async def test_history_of_a_contract(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """One contract's history reads its own rows only, by the key's index."""
    plan = await _plan(connection, query("contract_history"), 77, _FIRST, _FIRST + _DAYS * _DAY)
    assert plan["Actual Rows"] == 78 * _DAYS
    assert _rows_read(plan) == 78 * _DAYS
    assert all(node["Node Type"] != "Seq Scan" for node in _scans(plan))


async def test_legs_of_a_box(engine: Engine, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Four legs over a day read four contracts' rows of that day, from one chunk."""
    at = _FIRST + 5 * _DAY
    plan = await _plan(connection, query("legs"), [10, 20, 110, 120], at, at + _DAY)
    assert plan["Actual Rows"] == 4 * 78
    assert _rows_read(plan) == 4 * 78
    if engine.name != "plain":
        assert len({node["Relation Name"] for node in _scans(plan)}) == 1


async def test_surface_at_a_slot(engine: Engine, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """A surface stays inside its day: one chunk, or the block range of the day."""
    for bounds in ((None, None), (1, _CONTRACTS // 2)):
        plan = await _plan(connection, query("surface"), 1, _SLOT, *bounds)
        assert plan["Actual Rows"] == _CONTRACTS / 2
        assert _rows_read(plan) <= 2.2 * 78 * _CONTRACTS  # a day, and what shares its block ranges
        if engine.name != "plain":
            assert len({node["Relation Name"] for node in _scans(plan)}) == 1


async def test_pages_of_contracts_read_what_they_show(
    engine: Engine, connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """A contract's days read its own rows, where its bars begin and end one row each, a chain its slot's day alone."""
    start, end = _FIRST, _FIRST + _DAYS * _DAY
    plan = await _plan(connection, query("days_of_contract"), 77, start, end)
    assert (plan["Actual Rows"], _rows_read(plan)) == (_DAYS, 78 * _DAYS)
    plan = await _plan(connection, query("span_of_contract"), 77)
    assert _rows_read(plan) <= 2
    assert await connection.fetchval(query("span_of_contract"), 77) == _FIRST + timedelta(hours=14.5)
    own = (1, _CONTRACTS // 2)
    plan = await _plan(connection, query("chain_in_slot"), 1, _SLOT.date(), _SLOT, *own)
    assert plan["Actual Rows"] == _CONTRACTS / 2
    assert _rows_read(plan) <= 2.2 * 78 * _CONTRACTS  # a day, and what shares its block ranges
    day = _SLOT.replace(hour=0)
    plan = await _plan(connection, query("latest_slot"), 1, day.date(), day, day + _DAY)
    assert _rows_read(plan) <= 50
    found = await connection.fetchval(query("latest_slot"), 1, day.date(), day, day + _DAY)
    assert found == day + timedelta(hours=20, minutes=55)
    if engine.name != "plain":
        assert len({node["Relation Name"] for node in _scans(plan)}) == 1


async def test_the_grid_of_a_session_reads_its_day(
    engine: Engine, connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """Bars of one underlying's session are read from its own chunk, or its block ranges, however they are packed."""
    ids, slot = list(range(1, _CONTRACTS // 2 + 1)), timedelta(minutes=5)
    opens = _FIRST + 5 * _DAY + timedelta(hours=14, minutes=30)
    given = (slot, ids[0], ids[-1], ids, opens, opens + 78 * slot)
    assert len(await connection.fetchval(query("grid_bars"), *given)) == 8 * 78 * len(ids)
    plan = await _plan(connection, query("grid_bars"), *given)
    assert _rows_read(plan) <= 3 * 78 * _CONTRACTS  # block ranges of 128 pages span some days of this small table
    if engine.name != "plain":
        assert len({node["Relation Name"] for node in _scans(plan)}) == 1


async def test_states_of_sessions_read_no_bars(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """How far sessions have come, and what of one is open, is told by coverage, claims and gaps alone."""
    days = [(_FIRST + number * _DAY).date() for number in range(5)]
    opens = [_FIRST + number * _DAY + timedelta(hours=14, minutes=30) for number in range(5)]
    closes, series = [at + timedelta(hours=6, minutes=30) for at in opens], ["TRADES", "BID", "ASK"]
    for plan in (
        await _plan(connection, query("contract_states"), 1, 1, days, opens, closes, series),
        await _plan(connection, query("grid_stretches"), 1, 1, days[0], opens[0], closes[0], series),
    ):
        assert _scans(plan) == []


async def test_requests_by_minutes_read_their_days(
    engine: Engine, connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """Requests of a day's runs are looked for in the chunks of that day."""
    at = _FIRST + 5 * _DAY
    plan = await _plan(connection, query("requests_by_minutes"), [1], at, at + _DAY, timedelta(minutes=5))
    read = {node["Relation Name"] for node in _nodes(plan) if "_hyper_" in node.get("Relation Name", "")}
    assert len(read) <= (0 if engine.name == "plain" else 1)


async def test_the_view_for_readers_costs_what_it_is_asked_for(
    engine: Engine, connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """The underlying's bars are looked at when their price is asked for only; the option's are read from one chunk."""
    at = _FIRST + 5 * _DAY
    days = f"FROM option_bars WHERE contract_id = 77 AND time >= '{at}' AND time < '{at + _DAY}'"
    plan = await _plan(connection, f"SELECT occ_symbol, session_date, new_york, close {days}")
    assert plan["Actual Rows"] == 78
    assert _rows_read(plan) == 78
    assert not any("underlying_bars" in node.get("Relation Name", "") for node in _nodes(plan))
    priced = await _plan(connection, f"SELECT close, underlying_price {days}")
    assert priced["Actual Rows"] == 78
    for asked in (plan, priced):
        if engine.name != "plain":
            chunks = {node["Relation Name"] for node in _scans(asked)}
            assert len({name for name in chunks if "underlying" not in name}) == 1


async def test_the_view_for_readers_finds_contracts_by_their_terms(
    engine: Engine, connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """Expiration, strike and right lead to the contract, and only its rows of the asked day are read."""
    at = _FIRST + 5 * _DAY
    named = "symbol = 'SPY' AND expiration_date = '2026-12-18' AND strike_price = 77 AND option_type = 'C'"
    text = f"SELECT time, close FROM option_bars WHERE {named} AND time >= '{at}' AND time < '{at + _DAY}'"  # noqa: S608
    plan = await _plan(connection, text)
    assert plan["Actual Rows"] == 78
    assert _rows_read(plan) == 78
    if engine.name != "plain":
        assert len({node["Relation Name"] for node in _scans(plan)}) == 1


async def test_a_day_with_bars_is_found_in_its_chunk(
    engine: Engine, connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """Whether an underlying has bars on a day is told by the day's own chunk; others are not even planned for."""
    for underlying_id, day, there in ((1, _FIRST + 5 * _DAY, True), (1, _FIRST + _DAYS * _DAY, False)):
        text = research_database.bound("days_with_bars", (underlying_id, day.date()))
        assert await connection.fetchval(text) is there
        plan = await _plan(connection, text)
        chunks = {node.get("Relation Name", "") for node in _nodes(plan) if "_hyper_" in node.get("Relation Name", "")}
        assert len(chunks) == (1 if there and engine.name != "plain" else 0)
        assert _rows_read(plan) <= 78 * _CONTRACTS


async def test_requests_of_two_days_are_counted_in_their_chunk(
    engine: Engine, connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """A scrape in a run counts what was sent since yesterday, and opens no week before it."""
    since = _FIRST + 10 * _DAY
    plan = await _plan(connection, query("request_totals"), since, since + 2 * _DAY, [0.5, 2.0])
    assert plan["Actual Rows"] == 1
    if engine.name != "plain":
        assert len({node["Relation Name"] for node in _scans(plan)}) == 1


@pytest.mark.parametrize("view", ["option_hours", "option_days"])
async def test_summaries_for_readers_stay_inside_their_range(
    engine: Engine, view: str, connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """Whoever gives a range of time reads the bars, or sums, of that range."""
    at = _FIRST + 5 * _DAY
    text = f"SELECT * FROM {view} WHERE time >= '{at}' AND time < '{at + _DAY}' AND contract_id = 77"  # noqa: S608
    plan = await _plan(connection, text)
    assert plan["Actual Rows"] == (1 if view == "option_days" else 7)
    if engine.name != "community":
        assert _rows_read(plan) <= 78 * _DAYS  # sums of one contract, computed from its bars


async def test_compressed_days(engine: Engine, database_url: str) -> None:
    """On compressed days the same queries open the batches of their contracts only."""
    if engine.name != "community":
        pytest.skip("needs the Community edition of TimescaleDB: compression")
    await _fill(engine, database_url)
    connection = await asyncpg.connect(database_url, server_settings=_SETTINGS)
    await connection.execute("SELECT compress_chunk(c) FROM show_chunks('store.option_bars_5min') AS c")
    at = _FIRST + 5 * _DAY
    plan = await _plan(connection, query("contract_history"), 77, at, at + _DAY)
    assert plan["Actual Rows"] == 78
    assert _batches_read(plan) <= 2  # of 16 in the chunk
    plan = await _plan(connection, query("legs"), [10, 20, 110, 120], at, at + _DAY)
    assert plan["Actual Rows"] == 4 * 78
    assert _batches_read(plan) <= 4
    plan = await _plan(connection, query("surface"), 1, _SLOT, 1, _CONTRACTS // 2)
    assert plan["Actual Rows"] == _CONTRACTS / 2
    assert _batches_read(plan) <= 8  # the other underlying's stay shut
    ids, opens = list(range(1, _CONTRACTS // 2 + 1)), at + timedelta(hours=14, minutes=30)
    span = (opens, opens + timedelta(hours=6, minutes=30))
    plan = await _plan(connection, query("grid_bars"), timedelta(minutes=5), ids[0], ids[-1], ids, *span)
    assert _batches_read(plan) <= 8
    await connection.close()


@pytest.mark.parametrize(
    ("name", "text"), [(p.stem, p.read_text()) for p in (resource("sql") / "status").glob("*.sql")]
)
async def test_status_queries_read_a_day_at_most(
    engine: Engine, name: str, text: str, connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """No status query reads more bars than one session's, whatever the table holds."""
    plan = await _plan(connection, text.replace("now()", "'2026-11-13 23:00Z'::timestamptz"))
    # Block ranges of 128 pages span some days of this small table; where an aggregate ends is inside the day before.
    slack = {"plain": 3, "apache": 1, "community": 1.5}[engine.name]
    assert _rows_read(plan) <= slack * 78 * _CONTRACTS
