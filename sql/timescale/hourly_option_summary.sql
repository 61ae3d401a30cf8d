-- Hourly bars of each contract, by full hours of UTC, kept up to date; the running hour is computed when it is read.
CREATE MATERIALIZED VIEW IF NOT EXISTS hourly_option_summary
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT
    contract_id,
    time_bucket(INTERVAL '1 hour', time) AS hour,
    first(open, time) FILTER (WHERE open IS NOT NULL) AS hour_open,
    max(high) AS hour_high,
    min(low) AS hour_low,
    last(close, time) FILTER (WHERE close IS NOT NULL) AS hour_close,
    sum(volume) AS hour_volume,
    count(*) AS bars_count,
    count(close) AS traded_bars
FROM option_bars_5min
GROUP BY contract_id, time_bucket(INTERVAL '1 hour', time)
WITH NO DATA
