"""Which columns two databases must agree in to hold the same collection: the one list, and the comparison.

Bar values, flags, coverage, chains and lifecycle count. Ids, timestamps of writing, the log of runs and how many
witnesses speak for a negative do not: they tell how the collection came about. Rows are named by IB's contract ids,
which do not depend on the order of insertion.
"""

import itertools
from collections.abc import Iterator, Mapping

import asyncpg

BAR_COLUMNS = (
    "open", "high", "low", "close", "volume", "bar_count", "vwap", "bid_open", "bid_high", "bid_low", "bid_close",
    "ask_open", "ask_high", "ask_low", "ask_close", "spread_close", "mid_close",
    "implied_volatility", "delta", "gamma", "theta", "vega", "rho", "greeks_version", "open_interest",
    "flags", "data_source", "has_gaps",
)  # fmt: skip
UNDERLYING_BAR_COLUMNS = (
    "open", "high", "low", "close", "volume", "bar_count", "vwap", "implied_volatility", "flags", "has_gaps",
)  # fmt: skip
DAILY_BAR_COLUMNS = (
    "open", "high", "low", "close", "volume", "bar_count", "vwap", "adjusted_close", "flags", "has_gaps",
)  # fmt: skip
COVERAGE_COLUMNS = ("covered", "settled")
CHAIN_COLUMNS = (
    "contract_symbol", "expiration_date", "strike_price", "option_type", "multiplier", "exchange", "trading_class",
    "currency", "active",
)  # fmt: skip
LIFECYCLE_COLUMNS = ("first_seen", "listed_since", "last_seen", "expiry_collected", "status", "selected")
UNDERLYING_COLUMNS = ("symbol", "active", "sec_type", "exchange", "primary_exchange", "currency", "chain_expirations")

_CONTRACT = "option_chains AS named ON named.id = one.contract_id"
_UNDERLYING = "underlying_securities AS named ON named.id = one.underlying_id"
_TABLES: Mapping[str, tuple[str, tuple[str, ...], str]] = {
    "option_bars_5min": (_CONTRACT, BAR_COLUMNS, "one.time::text"),
    "underlying_bars_5min": (_UNDERLYING, UNDERLYING_BAR_COLUMNS, "one.time::text"),
    "underlying_bars_1min": (_UNDERLYING, UNDERLYING_BAR_COLUMNS, "one.time::text"),
    "underlying_bars_1day": (_UNDERLYING, DAILY_BAR_COLUMNS, "one.time::text"),
    "request_coverage of contracts": (_CONTRACT, COVERAGE_COLUMNS, "one.what_to_show"),
    "request_coverage of underlyings": (_UNDERLYING, COVERAGE_COLUMNS, "one.data_set || ' ' || one.what_to_show"),
    "option_chains": ("option_chains AS named ON named.id = one.id", CHAIN_COLUMNS, "''::text"),
    "option_contract_lifecycle": (_CONTRACT, LIFECYCLE_COLUMNS, "''::text"),
    "underlying_securities": ("underlying_securities AS named ON named.id = one.id", UNDERLYING_COLUMNS, "''::text"),
}
"""Title → how a row gets its IB contract id, the columns compared, what besides that id names the row."""

Dump = Mapping[str, Mapping[str, str]]
"""Title → key ("contract id, time or series") → the columns as text, in the order of the list."""

_DIFFERENCES_SHOWN = 12


def _statement(title: str) -> str:
    join, columns, key = _TABLES[title]
    values = ", ".join(f"one.{column}" for column in columns)
    return f"""
        SELECT named.ib_con_id || ' ' || {key}, ROW({values})::text
        FROM {title.split(maxsplit=1)[0]} AS one JOIN {join}
        ORDER BY named.ib_con_id, {key}
    """  # noqa: S608 - the names stand in this file


async def dump(connection: asyncpg.Connection) -> Dump:
    """Return what counts in every table, in canonical order."""
    await connection.execute("SET timezone = 'UTC'")
    found: dict[str, dict[str, str]] = {}
    for title in _TABLES:
        rows = await connection.fetch(_statement(title))
        found[title] = {row[0]: row[1] for row in rows}
        assert len(found[title]) == len(rows), f"{title} holds a row twice"
    return found


async def dump_of(url: str) -> Dump:
    """Return what counts in every table of a database."""
    connection = await asyncpg.connect(url)
    try:
        return await dump(connection)
    finally:
        await connection.close()


def differences(found: Dump, expected: Dump) -> Iterator[str]:
    """Yield each row that differs, in words: a loss, an invention, or what stands there instead."""
    for title in _TABLES:
        have, want = found[title], expected[title]
        if have == want:
            continue
        for key in dict.fromkeys((*want, *have)):
            if key not in have:
                yield f"{title} {key}: lost {want[key]}"
            elif key not in want:
                yield f"{title} {key}: invented {have[key]}"
            elif have[key] != want[key]:
                yield f"{title} {key}: {_columns_that_differ(title, have[key], want[key])}"


def _columns_that_differ(title: str, have: str, want: str) -> str:
    columns = _TABLES[title][1]
    parts = have.strip("()").split(","), want.strip("()").split(",")
    if {len(parts[0]), len(parts[1])} != {len(columns)}:  # ranges hold commas of their own
        return f"is {have}, expected {want}"
    return ", ".join(
        f"{column} is {one or 'NULL'}, expected {other or 'NULL'}"
        for column, one, other in zip(columns, *parts, strict=True)
        if one != other
    )


def without_greeks(found: Dump) -> Dump:
    """Return a dump in which option bars have only what came from IB: Greeks are computed once all of it is there."""
    own = BAR_COLUMNS.index("implied_volatility")
    bars = {key: ",".join(row.split(",")[:own]) for key, row in found["option_bars_5min"].items()}
    return {**found, "option_bars_5min": bars}


def tables_equal(found: Dump, expected: Dump) -> None:
    """Assert that two dumps are equal; the message names the first rows that differ."""
    if found == expected:
        return
    every = list(differences(found, expected))
    shown = "\n  ".join(itertools.islice(every, _DIFFERENCES_SHOWN))
    raise AssertionError(f"{len(every)} rows differ:\n  {shown}")
