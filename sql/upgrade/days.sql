-- The days of UTC that have bars in decimals, the newest first, and how many.
SELECT
    day,
    sum(option_bars)::bigint AS option_bars,
    sum(underlying_bars)::bigint AS underlying_bars
FROM (
    SELECT
        date_trunc('day', time, 'UTC') AS day,
        count(*) AS option_bars,
        0 AS underlying_bars
    FROM option_bars_5min
    GROUP BY 1
    UNION ALL
    SELECT
        date_trunc('day', time, 'UTC'),
        0,
        count(*)
    FROM underlying_bars_5min
    GROUP BY 1
) AS counted
GROUP BY day
ORDER BY day DESC
