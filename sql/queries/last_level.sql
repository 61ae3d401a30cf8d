-- The last close and the last implied volatility of an underlying in a span.
-- $1 underlying_id integer
-- $2 span_start timestamptz
-- $3 span_end timestamptz
SELECT
    price.time,
    price.close,
    (
        SELECT implied_volatility
        FROM underlying_bars_5min
        WHERE underlying_id = $1::integer
            AND time >= $2::timestamptz
            AND time < $3::timestamptz
            AND implied_volatility IS NOT NULL
        ORDER BY time DESC
        LIMIT 1
    ) AS implied_volatility
FROM underlying_bars_5min AS price
WHERE price.underlying_id = $1::integer
    AND price.time >= $2::timestamptz
    AND price.time < $3::timestamptz
    AND price.close IS NOT NULL
ORDER BY price.time DESC
LIMIT 1
