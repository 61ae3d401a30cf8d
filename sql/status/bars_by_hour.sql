-- Bars of the latest session by symbol and full hour: rows, slots with a trade, slots with quotes only.
WITH latest AS (
    SELECT date_trunc('day', time, 'UTC') AS day
    FROM option_bars_5min
    WHERE time > now() - INTERVAL '15 days'
    ORDER BY time DESC
    LIMIT 1
),
bounds AS MATERIALIZED (
    SELECT day AS opens, day + INTERVAL '1 day' AS ends FROM latest
)
SELECT
    underlying.symbol,
    to_char(date_trunc('hour', bar.time) AT TIME ZONE 'America/New_York', 'YYYY-MM-DD HH24:MI') AS hour_new_york,
    count(*) AS bars,
    count(bar.close) AS traded,
    count(*) FILTER (WHERE bar.data_source = 'BID_ASK') AS quotes_only,
    sum(bar.volume) AS volume
FROM option_bars_5min AS bar
INNER JOIN option_chains AS chain ON chain.id = bar.contract_id
INNER JOIN underlying_securities AS underlying ON underlying.id = chain.underlying_id
WHERE bar.time >= (SELECT opens FROM bounds) AND bar.time < (SELECT ends FROM bounds)
GROUP BY underlying.symbol, date_trunc('hour', bar.time)
ORDER BY underlying.symbol, date_trunc('hour', bar.time);
