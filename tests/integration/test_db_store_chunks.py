"""Writing bars opens the chunks of their own day only, however many there are and however often it was done."""

from collector.db.connection.pool import Database
from tests.support.db_rows import FRIDAY, make_chain, rows, slot

DAYS = 250
_FILL = f"""
INSERT INTO store.option_bars_5min (time, contract_id, close, created_at, updated_at)
SELECT '2026-11-20 14:35Z'::timestamptz - n * INTERVAL '1 day', $1, 100, now(), now()
FROM generate_series(0, {DAYS - 1}) AS n
RETURNING 1
"""  # noqa: S608 - a number of ours
_OPEN = """
SELECT DISTINCT class.oid::regclass::text
FROM pg_locks AS held INNER JOIN pg_class AS class ON class.oid = held.relation
WHERE held.pid = pg_backend_pid() AND class.relkind = 'r' AND class.relname LIKE '%\\_hyper\\_%'
"""
_OF_FRIDAY = """
SELECT chunk::text
FROM show_chunks('store.option_bars_5min', newer_than => '2026-11-20 00:00Z'::timestamptz,
    older_than => '2026-11-21 00:00Z'::timestamptz) AS chunk
"""
_COLUMNS = "contract_id", "time", "open", "high", "low", "close", "volume", "bar_count", "vwap", "flags"


async def test_other_chunks_stay_shut(database: Database) -> None:
    """Of a year of days the statement that writes a batch locks one chunk, also once its plan has been kept."""
    contract = (await make_chain(database, 1)).contracts[0]
    await rows(database, _FILL, contract.id)
    is_chunked = await rows(database, "SELECT FROM pg_extension WHERE extname = 'timescaledb'") != []
    expected = await rows(database, _OF_FRIDAY) if is_chunked else []
    assert len(expected) == int(is_chunked)

    for price in range(10_000, 10_800, 100):
        async with database.transaction("create_stage_option_bars") as transaction:
            line = "\t".join(map(str, (contract.id, slot(0).isoformat(), *[price] * 4, 1, 1, price, 0))) + "\n"
            await transaction.copy("stage_option_bars", _COLUMNS, line)
            await transaction.fetchrow(
                "upsert_option_bars", [contract.id], FRIDAY.open, FRIDAY.close, ["TRADES"], 1, FRIDAY.close, 1,
                [contract.id], ["TRADES"], ["{}"], ["{}"], ["{}"],
            )  # fmt: skip
            assert await rows(transaction, _OPEN) == expected
    assert await rows(database, "SELECT close FROM store.option_bars_5min WHERE time = $1", slot(0)) == [(107,)]
