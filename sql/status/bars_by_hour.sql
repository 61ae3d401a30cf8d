-- Bars of the latest session that was collected, by symbol and full hour: rows, slots with a trade, with quotes only.
WITH latest AS MATERIALIZED (
    SELECT max(run_date)::timestamp AT TIME ZONE 'UTC' AS opens
    FROM intraday_collection_runs
    WHERE run_date <= (now() AT TIME ZONE 'America/New_York')::date
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
WHERE
    bar.time >= (SELECT opens FROM latest)
    AND bar.time < (SELECT opens + INTERVAL '1 day' FROM latest)
GROUP BY underlying.symbol, date_trunc('hour', bar.time)
ORDER BY underlying.symbol, date_trunc('hour', bar.time);
