"""Sessions of whole markets for the pages' benchmarks: coverage of all, bars of the last.

Written by the server itself, in a few statements: 60 sessions of 4,600 contracts take half a minute.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import asyncpg

from collector.config import Settings
from collector.db.schema import features, migrate
from collector.domain.market_data.sessions import Session
from collector.market.calendar import Calendar
from tests.support import engines

LAST_DAY = date(2026, 11, 20)
CONTRACTS = {"SPY": 4_600}
SESSIONS = 60


@dataclass(frozen=True)
class Filled:
    """A filled database. sessions: those that it has, ascending."""

    url: str
    sessions: tuple[Session, ...]


async def fill(
    engine: engines.Engine,
    name: str,
    contracts: Mapping[str, int] = CONTRACTS,
    sessions: int = SESSIONS,
    *,
    bars: bool = True,
) -> Filled:
    """Make a database of sessions in which one series in a hundred has a hole now and then.

    Args:
        engine: where.
        name: of the database; one of that name is dropped.
        contracts: how many of each symbol, all of them selected for all sessions.
        sessions: how many, the last one on `LAST_DAY`.
        bars: with bars of the last session.
    """
    engine.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', f'CREATE DATABASE "{name}"')
    url = engine.database(name)
    await migrate.upgrade(url)
    await features.apply(url)
    calendar = Calendar.configured(Settings())
    days = [LAST_DAY]
    while len(days) < sessions:
        days.append(calendar.previous(days[-1]))
    days.reverse()
    connection = await asyncpg.connect(url)
    try:
        for symbol, count in contracts.items():
            own = [calendar.session(symbol, day) for day in days]
            await _fill(connection, symbol, count, own)
            if bars:
                await connection.execute(_BARS, symbol, own[-1].open, own[-1].close)
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
    return Filled(url, tuple(calendar.session(next(iter(contracts)), day) for day in days))


async def _fill(
    connection: "asyncpg.Connection[asyncpg.Record]", symbol: str, count: int, sessions: Sequence[Session]
) -> None:
    days = [session.day for session in sessions]
    await connection.execute(_CONTRACTS, symbol, count, days[0], days[-1])
    opens, closes = [session.open for session in sessions], [session.close for session in sessions]
    await connection.execute(_COVERAGE, symbol, days, opens, closes)
    await connection.execute(_GAPS, symbol, opens, closes)
    await connection.execute(_RECORDS, symbol, days, count)


_CONTRACTS = """
WITH underlying AS (
    INSERT INTO underlying_securities (symbol, ib_con_id, sec_type, exchange, currency)
    SELECT $1, 1 + count(*), 'STK', 'SMART', 'USD' FROM underlying_securities
    RETURNING id, symbol
),
contract AS (
    INSERT INTO option_chains (underlying_id, contract_symbol, expiration_date, strike_price, option_type, ib_con_id,
        multiplier, exchange, trading_class, currency)
    SELECT
        id, rpad(symbol, 6) || to_char(expires, 'YYMMDD') || kind || to_char(strike * 1000, 'FM00000000'), expires,
        strike, kind, id * 1000000 + n, 100, 'SMART', symbol, 'USD'
    FROM underlying
    CROSS JOIN generate_series(0, $2::int - 1) AS n
    CROSS JOIN LATERAL (
        SELECT
            $4::date + 7 * (n % 20) + 1 AS expires,
            500 + n / 40 AS strike,
            CASE WHEN n / 20 % 2 = 0 THEN 'C' ELSE 'P' END AS kind
    ) AS terms
    RETURNING id, expiration_date
)
INSERT INTO option_contract_lifecycle (contract_id, first_seen, listed_since, last_seen, selected)
SELECT id, $3::date, $3::date, $4::date, datemultirange(daterange($3::date, expiration_date, '[]')) FROM contract
"""
_COVERAGE = """
WITH session AS (
    SELECT tstzrange(opens, closes) AS slots, n FROM unnest($2::date[], $3::timestamptz[], $4::timestamptz[])
        WITH ORDINALITY AS s (day, opens, closes, n)
),
whole AS (SELECT range_agg(slots) AS spans FROM session),
changed AS (
    INSERT INTO session_changes (underlying_id, data_set, session_date)
    SELECT own.id, 1, day FROM underlying_securities AS own CROSS JOIN unnest($2::date[]) AS day WHERE symbol = $1
)
INSERT INTO request_coverage (instrument_id, data_set, what_to_show, covered, settled)
SELECT chain.id, 1, series.what, whole.spans - holes.spans, whole.spans - holes.spans
FROM option_chains AS chain
INNER JOIN underlying_securities AS own ON own.id = chain.underlying_id AND own.symbol = $1
CROSS JOIN unnest(ARRAY['TRADES', 'BID', 'ASK']) WITH ORDINALITY AS series (what, place)
CROSS JOIN whole
CROSS JOIN LATERAL (
    SELECT coalesce(range_agg(tstzrange(lower(slots), lower(slots) + INTERVAL '1 hour')), '{}') AS spans
    FROM session
    WHERE (chain.id * 7919 + n * 104729 + place * 31) % 6007 < 10
) AS holes
"""
_GAPS = """
INSERT INTO historical_data_gaps (instrument_id, data_set, what_to_show, state, gap_start, gap_end, gap_type,
    detected_at, lost_at, reason)
SELECT
    chain.id, 1, series.what, CASE WHEN chain.id % 5 = 0 THEN 'lost' ELSE 'open' END, opens, opens + INTERVAL '1 hour',
    'missing_bars', closes, CASE WHEN chain.id % 5 = 0 THEN closes END,
    CASE WHEN chain.id % 5 = 0 THEN 'the source remembers it no more' END
FROM option_chains AS chain
INNER JOIN underlying_securities AS own ON own.id = chain.underlying_id AND own.symbol = $1
CROSS JOIN unnest(ARRAY['TRADES', 'BID', 'ASK']) WITH ORDINALITY AS series (what, place)
CROSS JOIN unnest($2::timestamptz[], $3::timestamptz[]) WITH ORDINALITY AS session (opens, closes, n)
WHERE (chain.id * 7919 + n * 104729 + place * 31) % 6007 < 10
"""
_RECORDS = """
INSERT INTO collection_statistics (collection_date, symbol, total_contracts, successful_contracts,
    total_bars_collected, data_completeness_percent, error_rate_percent, fill_percent, expected_slots, traded_slots,
    no_trade_slots, unknown_slots, quote_percent, iv_percent, quarantined_bars, flagged_bars)
SELECT day, $1, $3::int, $3::int, $3::int * 78, 99.8, 0, 40, $3::int * 81, $3::int * 32, $3::int * 49, 0, 96, 94, 0, 0
FROM unnest($2::date[]) AS day
"""
_BARS = """
INSERT INTO store.option_bars_5min (time, contract_id, open, up, down, close, bid_open, bid_up, bid_down, bid_close,
    ask_open, ask_up, ask_down, ask_close, vwap_off, volume, bar_count, implied_volatility, greeks_version,
    greeks_reason, created_at, updated_at, flags, unit, has_gaps)
SELECT
    at, chain.id, price, 0, 0, price, middle - 2, 0, 0, middle - 2, middle + 2, 0, 0, middle + 2, 0,
    CASE WHEN price IS NULL THEN 0 ELSE 10 END, 1, 2500, CASE WHEN n % 11 > 0 THEN 1 END, 0, at, at, 0, 100, false
FROM option_chains AS chain
INNER JOIN underlying_securities AS own ON own.id = chain.underlying_id AND own.symbol = $1
CROSS JOIN generate_series($2::timestamptz, $3::timestamptz - INTERVAL '5 minutes', INTERVAL '5 minutes')
    WITH ORDINALITY AS slot (at, n)
CROSS JOIN LATERAL (SELECT 200 + (chain.id * 37 + n) % 400 AS middle) AS quote
CROSS JOIN LATERAL (
    SELECT CASE WHEN (chain.id * 13 + n * 7) % 5 < 2 THEN middle END::int AS price
) AS trade
ORDER BY chain.id, at
"""
