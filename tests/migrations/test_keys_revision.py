"""What the revision "store" makes of bookkeeping that named contracts and underlyings in columns of their own."""

import pytest

from collector.db.schema import features, migrate, timescale
from collector.db.schema.timescale import Edition
from tests.migrations.test_migrations import execute

FILL = """
INSERT INTO underlying_securities (symbol, ib_con_id, sec_type, exchange, currency)
VALUES ('SPY', 1, 'STK', 'SMART', 'USD'), ('PLTR', 2, 'STK', 'SMART', 'USD');
INSERT INTO option_chains (underlying_id, contract_symbol, expiration_date, strike_price, option_type, ib_con_id,
    multiplier, exchange, trading_class, currency)
SELECT 1, n::text, '2026-11-27', n, 'C', n, 100, 'SMART', 'SPY', 'USD' FROM generate_series(1, 3) AS n;
INSERT INTO option_contract_lifecycle (contract_id, first_seen, listed_since, last_seen, selected)
VALUES (1, '2026-11-02', '2026-11-02', '2026-11-20', '{[2026-11-02,2026-11-05),[2026-11-16,2026-11-28)}'),
    (2, '2026-11-02', '2026-11-02', '2026-11-20', '{[2026-11-04,2026-11-10)}'),
    (3, '2026-11-02', '2026-11-02', '2026-11-20', '{}');
-- Id 1 is a contract's and an underlying's.
INSERT INTO request_coverage (contract_id, underlying_id, what_to_show, covered, settled)
SELECT *, 'TRADES', '{[2026-11-20 14:30Z,2026-11-20 21:00Z)}', '{[2026-11-20 14:30Z,2026-11-20 15:00Z)}'
FROM (VALUES (1, NULL), (2, NULL), (NULL, 1)) AS t (contract_id, underlying_id);
INSERT INTO historical_data_gaps (contract_id, underlying_id, what_to_show, gap_start, gap_end, gap_type, detected_at)
SELECT *, 'TRADES', '2026-11-20 15:00Z', '2026-11-20 21:00Z', 'missing_bars', '2026-11-21 00:00Z'
FROM (VALUES (1, NULL), (NULL, 1)) AS t (contract_id, underlying_id);
INSERT INTO dead_letters (contract_id, underlying_id, what_to_show, span, outcome, message, first_failed_at,
    last_failed_at)
SELECT *, 'TRADES', '[2026-11-20 15:00Z,2026-11-20 21:00Z)', 'time_out', '', '2026-11-21 00:00Z', '2026-11-21 00:00Z'
FROM (VALUES (1, NULL), (NULL, 1)) AS t (contract_id, underlying_id);
INSERT INTO quarantined_bars (contract_id, underlying_id, what_to_show, time, reason, close, quarantined_at)
SELECT *, 'TRADES', '2026-11-20 15:00Z', 'off_grid', 1.25, '2026-11-21 00:00Z'
FROM (VALUES (1, NULL), (NULL, 1)) AS t (contract_id, underlying_id);
INSERT INTO negative_claims (contract_id, underlying_id, what_to_show, session_date, span, state)
SELECT *, 'TRADES', '2026-11-20', '[2026-11-20 15:00Z,2026-11-20 21:00Z)', 'held'
FROM (VALUES (1, NULL), (NULL, 1)) AS t (contract_id, underlying_id);
INSERT INTO bar_revisions (contract_id, underlying_id, time, close, replaced_at, run_id)
SELECT *, '2026-11-20 15:00Z', 1.25, '2026-11-21 00:00Z', 7
FROM (VALUES (1, NULL), (NULL, 1)) AS t (contract_id, underlying_id);
INSERT INTO requests (sent_at, instrument_id, what_to_show, span, outcome)
SELECT '2026-11-20 21:30Z'::timestamptz, id, 'TRADES', '[2026-11-20 15:00Z,2026-11-20 21:00Z)', 'no_data'
FROM unnest('{1, -1}'::integer[]) AS id;
"""
DAILY = """
INSERT INTO request_coverage (instrument_id, data_set, what_to_show, covered, settled)
VALUES (-1, 3, 'TRADES', '{[2026-11-20,2026-11-21)}', '{[2026-11-20,2026-11-21)}');
INSERT INTO historical_data_gaps (instrument_id, data_set, what_to_show, gap_start, gap_end, gap_type, detected_at)
VALUES (-1, 3, 'TRADES', '2026-11-20 15:00Z', '2026-11-20 21:00Z', 'missing_bars', '2026-11-21 00:00Z');
INSERT INTO dead_letters (instrument_id, data_set, what_to_show, span, outcome, message, first_failed_at,
    last_failed_at)
VALUES (-1, 3, 'TRADES', '[2026-11-20 15:00Z,2026-11-20 21:00Z)', 'time_out', '', '2026-11-21', '2026-11-21');
INSERT INTO quarantined_bars (instrument_id, data_set, what_to_show, time, reason, close, quarantined_at)
VALUES (-1, 3, 'TRADES', '2026-11-20 15:00Z', 'off_grid', 1.25, '2026-11-21');
INSERT INTO negative_claims (instrument_id, data_set, what_to_show, session_date, span, state)
VALUES (-1, 3, 'TRADES', '2026-11-20', '[2026-11-20 15:00Z,2026-11-20 21:00Z)', 'held');
INSERT INTO bar_revisions (instrument_id, data_set, time, close, adjusted_close, replaced_at, run_id)
VALUES (-1, 3, '2026-11-20', 1.25, 1.2, '2026-11-21', 7);
INSERT INTO requests (sent_at, instrument_id, data_set, what_to_show, span, outcome)
VALUES ('2026-11-20 21:30Z', -1, 3, 'TRADES', '[2026-11-20,2026-11-21)', 'no_data');
"""
"""What is written beside it of bars of a day."""
TABLES = {
    "request_coverage": 3,
    "historical_data_gaps": 2,
    "dead_letters": 2,
    "quarantined_bars": 2,
    "negative_claims": 2,
    "bar_revisions": 2,
}
"""And how many rows each has."""


def rows_of(table: str) -> str:
    """Return the statement that reads all of a table as it was before the revision, by instrument."""
    kept = "(to_jsonb(one) - '{instrument_id,data_set,adjusted_close}'::text[])::text"
    return f"SELECT contract_id, underlying_id, {kept} FROM {table} AS one ORDER BY 1, 2"  # noqa: S608 - see TABLES


async def compress_requests(url: str) -> None:
    """Store the requests as the features do, as far as the server can."""
    async with timescale.session(url) as session:
        if (await session.server()).offered is None:
            return
        await session.execute("create_extension")
        await session.execute("hypertable_requests")
        if (await session.server()).edition is Edition.COMMUNITY:
            await session.execute("columnstore_requests")
            assert await execute(url, "SELECT count(compress_chunk(chunk)) FROM show_chunks('requests') AS chunk") == [
                (1,)
            ]


async def test_rows_keep_what_they_say_up_and_down(empty_database_url: str) -> None:
    """Contracts' rows are of options' bars, the others of underlyings'; readers find both under the names they know.

    Requests are a hypertable where there is any, and compressed. On the way down what is said of bars that the revision
    before cannot hold goes with them, and is not taken for something about bars of 5 minutes.
    """
    await migrate.upgrade(empty_database_url, revision="0006")
    await execute(empty_database_url, FILL)
    await compress_requests(empty_database_url)
    before = {table: await execute(empty_database_url, rows_of(table)) for table in TABLES}

    await migrate.upgrade(empty_database_url)

    for table, count in TABLES.items():
        assert await execute(empty_database_url, rows_of(table)) == before[table]
        assert len(before[table]) == count
        keys = "SELECT instrument_id, data_set FROM {} WHERE instrument_id <> 2 ORDER BY 1".format(table)  # noqa: S608, UP032 - the names stand in this file
        assert await execute(empty_database_url, keys) == [(-1, 2), (1, 1)]
    sent = "SELECT instrument_id, data_set FROM requests ORDER BY 1"
    assert await execute(empty_database_url, sent) == [(-1, 2), (1, 1)]
    chosen = "SELECT underlying_id, data_set, selected::text FROM underlying_selections"
    days = "{[2026-11-02,2026-11-10),[2026-11-16,2026-11-28)}"
    assert await execute(empty_database_url, chosen) == [(1, 2, days)]

    await features.apply(empty_database_url)
    shown = "SELECT instrument_id, underlying_id, data_set, selected::text, last_day::text FROM selections ORDER BY 1"
    assert await execute(empty_database_url, shown) == [
        (-1, 1, 2, days, None),
        (1, 1, 1, "{[2026-11-02,2026-11-05),[2026-11-16,2026-11-28)}", "2026-11-27"),
        (2, 1, 1, "{[2026-11-04,2026-11-10)}", "2026-11-27"),
        (3, 1, 1, "{}", "2026-11-27"),
    ]

    await execute(empty_database_url, DAILY)
    await migrate.downgrade(empty_database_url, "0006")

    for table in TABLES:
        assert await execute(empty_database_url, rows_of(table)) == before[table]
    assert await execute(empty_database_url, "SELECT instrument_id FROM requests ORDER BY 1") == [(-1,), (1,)]
    for table in (*TABLES, "requests"):
        if table != "bar_revisions":
            assert await execute(empty_database_url, f"SELECT DISTINCT data_set FROM {table}") == [(1,)]  # noqa: S608


@pytest.mark.parametrize("table", [table for table in TABLES if table != "bar_revisions"])
async def test_a_row_belongs_to_an_instrument_that_exists(empty_plain_url: str, table: str) -> None:
    """A number that is no contract's and no underlying's is refused, as before."""
    await migrate.upgrade(empty_plain_url, revision="0006")
    await execute(empty_plain_url, FILL)
    await migrate.upgrade(empty_plain_url)
    for unknown in (4, -3):
        with pytest.raises(Exception, match=f'violates foreign key constraint "fk_{table}_'):
            await execute(empty_plain_url, f"UPDATE {table} SET instrument_id = {unknown} WHERE instrument_id = 1")  # noqa: S608
