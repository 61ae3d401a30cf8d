"""What the revision "store" adds to underlyings, and that it can be taken back with rows."""

from collector.db.schema import features, migrate
from tests.migrations.test_migrations import execute

UNDERLYING = """
INSERT INTO underlying_securities (symbol, ib_con_id, sec_type, exchange, currency)
VALUES ('SPY', 756733, 'STK', 'SMART', 'USD')
"""
NOTED = """
INSERT INTO earlier_source_ids (instrument_id, source, source_id, since, until) VALUES (-1, 'ib', 7, now(), now())
"""
FOUND = "SELECT id, kind, source, source_id, symbol, underlying_id, calendar, currency FROM instruments"


async def test_underlyings_get_source_and_calendar(empty_plain_url: str) -> None:
    """What was stored before is IB's and of New York's sessions, down to the revision before and up again."""
    await migrate.upgrade(empty_plain_url, revision="0006")
    await execute(empty_plain_url, UNDERLYING)

    await migrate.upgrade(empty_plain_url)
    await features.apply(empty_plain_url)
    spy = (-1, "underlying", "ib", 756733, "SPY", 1, "XNYS", "USD")
    assert await execute(empty_plain_url, FOUND) == [spy]
    await execute(empty_plain_url, NOTED)

    await migrate.downgrade(empty_plain_url, "0006")
    assert await execute(empty_plain_url, "SELECT symbol, ib_con_id FROM underlying_securities") == [("SPY", 756733)]
    await migrate.upgrade(empty_plain_url)
    await features.apply(empty_plain_url)
    assert await execute(empty_plain_url, FOUND) == [spy]
