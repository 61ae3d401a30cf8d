"""What the revision "evidence" makes of answers that were believed without a control."""

from collector.db.schema import migrate
from tests.migrations.test_migrations import execute

FILL = """
INSERT INTO underlying_securities (symbol, ib_con_id, sec_type, exchange, currency)
VALUES ('SPY', 1, 'STK', 'SMART', 'USD');
INSERT INTO option_chains (underlying_id, contract_symbol, expiration_date, strike_price, option_type, ib_con_id,
    multiplier, exchange, trading_class, currency)
SELECT 1, n::text, CASE WHEN n = 2 THEN now() - INTERVAL '2 days' ELSE now() + INTERVAL '300 days' END, n, 'C', n, 100,
    'SMART', 'SPY', 'USD'
FROM generate_series(1, 4) AS n;
INSERT INTO option_contract_lifecycle (contract_id, first_seen, last_seen)
SELECT id, now() - INTERVAL '100 days', now() FROM option_chains;
CREATE TABLE noon AS
SELECT
    days,
    ((now() - days * INTERVAL '1 day')::date::timestamp + INTERVAL '12 hours') AT TIME ZONE 'America/New_York' AS at
FROM unnest('{80, 60, 10, 5}'::integer[]) AS days;
INSERT INTO underlying_bars_5min (time, underlying_id, close, has_gaps) SELECT at, 1, 640, false FROM noon;
-- Contract 1 has a bar 5 days ago, contract 2 has expired, contract 3 has none at all, contract 4 stands on claims.
INSERT INTO option_bars_5min (time, contract_id, bid_close, data_source, has_gaps)
SELECT at, 1, 1.2, 'BID_ASK', false FROM noon WHERE days IN (5, 80);
INSERT INTO request_coverage (contract_id, what_to_show, covered, settled)
SELECT n, what, spans, spans
FROM generate_series(1, 3) AS n, unnest('{TRADES, BID}'::text[]) AS what,
    (SELECT range_agg(tstzrange(at - INTERVAL '1 hour', at + INTERVAL '20 hours')) AS spans FROM noon) AS known;
INSERT INTO request_coverage (contract_id, what_to_show, covered, claimed)
SELECT 4, 'BID', range_agg(tstzrange(at - INTERVAL '1 hour', at + INTERVAL '1 hour')),
    (SELECT ARRAY[tstzrange(at - INTERVAL '1 hour', at + INTERVAL '20 hours')] FROM noon WHERE days = 5)
FROM noon;
"""
KEPT = """SELECT contract_id, what_to_show,
    ARRAY(SELECT days FROM noon WHERE covered @> at ORDER BY days),
    ARRAY(SELECT days FROM noon WHERE settled @> at ORDER BY days),
    ARRAY(SELECT days FROM noon WHERE single_witness @> at ORDER BY days)
FROM request_coverage ORDER BY 1, 2
"""


async def test_claims_are_dropped_and_empty_sessions_asked_for_again(empty_plain_url: str) -> None:
    """Of the living within the depth of each series; of the expired they stay, told apart; the number is said.

    A day before the first stored bar counts where no bars can have been dropped yet: 60 days ago, but for the bar of
    80 days ago, could have lost its bars to the age limit.
    """
    await migrate.upgrade(empty_plain_url, revision="0005")
    await execute(empty_plain_url, FILL)

    notes = await migrate.upgrade(empty_plain_url)

    every = [5, 10, 60, 80]
    assert await execute(empty_plain_url, KEPT) == [
        (1, "BID", [5, 60, 80], [5, 60, 80], []),
        (1, "TRADES", [5, 80], [5, 80], []),
        (2, "BID", every, every, [5, 10]),
        (2, "TRADES", every, every, every),
        (3, "BID", [60, 80], [60, 80], []),
        (3, "TRADES", [], [], []),
        (4, "BID", [10, 60, 80], [], []),
    ]
    # Contract 1: 10 (BID), 10 and 60 (TRADES); contract 3: 5 and 10 (BID), all four (TRADES).
    (note,) = notes
    assert note.startswith("9 sessions of series of 2 living contracts were settled without any bar")
    lives = "SELECT count(*) FROM option_contract_lifecycle WHERE listed_since = first_seen"
    assert await execute(empty_plain_url, lives) == [(4,)]


async def test_days_whose_bars_may_have_been_dropped_are_left_alone(empty_plain_url: str) -> None:
    """Without bars from 80 days ago, 60 days ago may be beyond the age limit: its TRADES stay settled."""
    await migrate.upgrade(empty_plain_url, revision="0005")
    await execute(empty_plain_url, FILL)
    await execute(
        empty_plain_url,
        "DELETE FROM option_bars_5min WHERE time < (SELECT at + INTERVAL '1 day' FROM noon WHERE days = 80)",
    )

    await migrate.upgrade(empty_plain_url)

    kept = {(row[0], row[1]): row[3] for row in await execute(empty_plain_url, KEPT)}
    assert kept[3, "TRADES"] == [60, 80]
    assert kept[3, "BID"] == [60, 80]
    assert kept[1, "TRADES"] == [5, 60, 80]


async def test_the_way_down_keeps_what_is_settled(empty_plain_url: str) -> None:
    """Back at the earlier revision the coverage is what it was left as, without claims."""
    await migrate.upgrade(empty_plain_url, revision="0005")
    await execute(empty_plain_url, FILL)
    await migrate.upgrade(empty_plain_url)
    before = await execute(
        empty_plain_url, "SELECT contract_id, covered::text, settled::text FROM request_coverage ORDER BY 1, 2"
    )

    await migrate.downgrade(empty_plain_url, "0005")

    after = await execute(
        empty_plain_url, "SELECT contract_id, covered::text, settled::text FROM request_coverage ORDER BY 1, 2"
    )
    assert after == before
    assert await execute(empty_plain_url, "SELECT count(*) FROM request_coverage WHERE claimed <> '{}'") == [(0,)]
