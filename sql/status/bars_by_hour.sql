-- Bars of the latest session that was collected, by symbol and full hour: rows, slots with a trade, with quotes only.
-- As the summaries know them: where these are continuous aggregates, late repairs show within the hour.
WITH latest AS MATERIALIZED (
    SELECT max(run_date)::timestamp AT TIME ZONE 'UTC' AS opens
    FROM intraday_collection_runs
    WHERE run_date <= (now() AT TIME ZONE 'America/New_York')::date
)
SELECT
    underlying.symbol,
    to_char(date_trunc('hour', slot.time) AT TIME ZONE 'America/New_York', 'YYYY-MM-DD HH24:MI') AS hour_new_york,
    sum(slot.contracts) AS bars,
    sum(slot.traded_contracts) AS traded,
    sum(slot.contracts - slot.traded_contracts) AS quotes_only,
    sum(slot.volume) AS volume
FROM underlying_intraday_summary AS slot
INNER JOIN underlying_securities AS underlying ON underlying.id = slot.underlying_id
WHERE
    slot.time >= (SELECT opens FROM latest)
    AND slot.time < (SELECT opens + INTERVAL '1 day' FROM latest)
GROUP BY underlying.symbol, date_trunc('hour', slot.time)
ORDER BY underlying.symbol, date_trunc('hour', slot.time);
