-- When the first and the latest bar of a contract start, NULL without any, and since when it is known.
-- $1 contract_id integer
SELECT
    (
        SELECT time
        FROM store.option_bars_5min
        WHERE contract_id = $1::integer
        ORDER BY time
        LIMIT 1
    ) AS first_bar,
    (
        SELECT time
        FROM store.option_bars_5min
        WHERE contract_id = $1::integer
        ORDER BY time DESC
        LIMIT 1
    ) AS latest_bar,
    (SELECT first_seen FROM option_contract_lifecycle WHERE contract_id = $1::integer) AS first_seen
