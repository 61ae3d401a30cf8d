-- How new is the newest bar?
SELECT
    underlying.symbol,
    bar.time AS "newest bar"
FROM underlying_securities AS underlying
CROSS JOIN LATERAL (
    SELECT own.time
    FROM underlying_bars_5min AS own
    WHERE own.underlying_id = underlying.id AND own.time <= $__timeTo()
    ORDER BY own.time DESC
    LIMIT 1
) AS bar
ORDER BY underlying.symbol
