-- The first and the last instant of the raw bars that are still there.
SELECT
    (SELECT time FROM option_bars_5min ORDER BY time LIMIT 1) AS first,
    (SELECT time FROM option_bars_5min ORDER BY time DESC LIMIT 1) AS last
