"""Taking over an earlier system's database from a person's side: what the command says of it, and what is on record."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from collector.clock import SystemClock
from tests.support.command_line import Home, home
from tests.support.engines import Engine
from tests.support.fixtures_engines import Matrix
from tests.support.fixtures_simulator import AFTER_THE_CLOSE

Capsys = pytest.CaptureFixture[str]

# An hour of the underlying in bars of 5 minutes with one that cannot be, half an hour in bars of one; a quote made up
# from a middle and a live one; of two contracts three slots, one of them twice.
_EARLIER = """
CREATE TABLE underlying_securities (id serial PRIMARY KEY, symbol varchar(10) UNIQUE, name text, active boolean);
CREATE TABLE option_chains (id serial PRIMARY KEY, underlying_id int REFERENCES underlying_securities, contract_symbol
    varchar(30), expiration_date date, strike_price numeric(10, 2), option_type char(1));
CREATE TABLE option_bars_5min (time timestamptz NOT NULL, contract_id int, close double precision);
CREATE TABLE stock_data_ticks (time timestamptz NOT NULL, underlying_id int, price numeric(10, 4), volume bigint,
    open_price numeric(10, 4), high_price numeric(10, 4), low_price numeric(10, 4), close_price numeric(10, 4),
    tick_type varchar(20));
CREATE TABLE market_data_ticks (time timestamptz NOT NULL, contract_id int, bid_price numeric(10, 4),
    ask_price numeric(10, 4), last_price numeric(10, 4), bid_size int, ask_size int, tick_type varchar(20));
CREATE TABLE notes_of_mine (note text);
INSERT INTO underlying_securities (symbol) VALUES ('SPY');
INSERT INTO option_chains (underlying_id, contract_symbol, expiration_date, strike_price, option_type)
VALUES (1, 'SPY   261218C00641000', '2026-12-18', 641, 'C'), (1, 'SPY   261218P00641000', '2026-12-18', 641, 'P');
INSERT INTO option_bars_5min VALUES ('2026-11-16 14:30Z', 1, 1.5), ('2026-11-16 14:30Z', 1, 1.6),
    ('2026-11-16 14:35Z', 1, 1.7), ('2026-11-16 14:30Z', 2, 2.5);
INSERT INTO stock_data_ticks
SELECT at, 1, 640, 100, 640, CASE WHEN at = '2026-11-16 15:00Z' THEN 600 ELSE 641 END, 639, 640.5, 'TRADES'
FROM generate_series('2026-11-16 14:30Z'::timestamptz, '2026-11-16 15:25Z', '5 min') AS at;
INSERT INTO stock_data_ticks
SELECT at, 1, 640, 100, 640, 641, 639, 640.5, 'HISTORICAL'
FROM generate_series('2026-11-17 14:30Z'::timestamptz, '2026-11-17 14:59Z', '1 min') AS at;
INSERT INTO market_data_ticks VALUES ('2026-11-16 14:30Z', 1, 4.95, 5.05, 5, 100, 100, 'HISTORICAL'),
    ('2026-11-16 14:31Z', 1, 4.9, 5.1, 5, 7, 9, 'LIVE');
"""


@pytest.fixture
def earlier_url(plain_engine: Engine, engine_matrix: Matrix) -> Iterator[str]:
    """Give the database of an earlier system."""

    async def fill(url: str) -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(_EARLIER)
        await connection.close()

    for url in engine_matrix.create(plain_engine, "template0"):
        asyncio.run(fill(url))
        yield url


@pytest.fixture
def account() -> Iterator[Home]:
    """Give a home after the close."""
    with home(SystemClock(AFTER_THE_CLOSE)) as made:
        yield made


def test_it_says_what_was_taken_and_what_was_left(
    account: Home, earlier_url: str, capsys: Capsys, tmp_path: Path
) -> None:
    """In words: how many of each, what was left and why, where everything is, how to give the room back."""
    words = ("db", "adopt", str(tmp_path), "--reason", "the old one is retired")
    done = account.call(capsys, *words, COLLECTOR_DATABASE__URL=earlier_url)
    [dump] = tmp_path.glob("*.dump")
    off_grid = "off the 5-minute grid, or among rows that are: bars of another size, or ticks"
    assert (done.code, done.out.splitlines()) == (
        0,
        [
            "in the collector's tables: option bars 3, underlyings' bars 11, contracts 2, underlyings 1, runs 0",
            "the bars count as covered, never as settled: repairs confirm what IB still knows of them",
            "left aside of option_bars_5min: 1, given up for a later row of the same slot",
            "left aside of market_data_ticks: 1, quotes that were computed from a middle, not the market's",
            "left aside of market_data_ticks: 1, prices or quotes of one moment, no bars",
            "left aside of stock_data_ticks: 1, impossible prices or volumes",
            f"left aside of stock_data_ticks: 30, {off_grid}",
            "left aside whole: notes_of_mine; the collector takes nothing from them",
            "all earlier tables are in the schema earlier_system, unchanged",
            f"backup: {dump}",
            "to give their room back, once you need none of them: DROP SCHEMA earlier_system CASCADE",
        ],
    )
    [kept] = account.call(capsys, "db", "actions", "--json", COLLECTOR_DATABASE__URL=earlier_url).document
    assert (kept["command"], kept["outcome"]) == (
        f"collector db adopt {tmp_path} --reason 'the old one is retired'",
        "ok",
    )
    assert kept["reason"] == "the old one is retired"


def test_it_says_so_as_json(account: Home, earlier_url: str, capsys: Capsys, tmp_path: Path) -> None:
    """The same numbers and reasons, for programs."""
    done = account.call(capsys, "db", "adopt", str(tmp_path), "--json", COLLECTOR_DATABASE__URL=earlier_url)
    document = json.loads(done.out)
    assert (document["bars"], document["underlying_bars"], document["contracts"], document["runs"]) == (3, 11, 2, 0)
    assert {"table": "stock_data_ticks", "reason": "off_grid", "rows": 30} in document["left"]
    assert document["unread"] == ["notes_of_mine"]
    assert Path(document["backup"]).is_file()


def test_there_is_nothing_to_adopt(account: Home, earlier_url: str, capsys: Capsys, tmp_path: Path) -> None:
    """An adopted database can be adopted on, to the same numbers; the collector's own cannot be adopted."""
    first, second = (
        account.call(capsys, "db", "adopt", str(tmp_path), COLLECTOR_DATABASE__URL=earlier_url) for _ in range(2)
    )
    assert (first.code, first.out) == (0, second.out)
    own = account.call(capsys, "db", "upgrade")
    assert own.code == 0
    refused = account.call(capsys, "db", "adopt", str(tmp_path))
    assert refused.code != 0
    assert refused.complaint == "there is nothing to adopt: the tables are the collector's own"
