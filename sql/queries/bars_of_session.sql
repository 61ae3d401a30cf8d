-- Rows, contracts, first and last bar of a session by symbol, options and underlying.
-- $1 span_start timestamptz
-- $2 span_end timestamptz
SELECT
    underlying.symbol,
    count(DISTINCT bar.contract_id) AS contracts,
    count(*) FILTER (WHERE bar.contract_id IS NOT NULL) AS option_bars,
    count(*) FILTER (WHERE bar.contract_id IS NULL) AS underlying_bars,
    min(bar.time) AS first_bar,
    max(bar.time) AS last_bar
FROM (
    SELECT contract.underlying_id, own.contract_id, own.time
    FROM store.option_bars_5min AS own
    INNER JOIN option_chains AS contract ON contract.id = own.contract_id
    WHERE own.time >= $1::timestamptz AND own.time < $2::timestamptz
    UNION ALL
    SELECT underlying_id, NULL, time
    FROM store.underlying_bars_5min
    WHERE time >= $1::timestamptz AND time < $2::timestamptz
) AS bar
INNER JOIN underlying_securities AS underlying ON underlying.id = bar.underlying_id
GROUP BY underlying.symbol
ORDER BY underlying.symbol
