-- Daily bars of each contract on top of the hourly ones; a session lies inside one day of UTC.
CREATE MATERIALIZED VIEW IF NOT EXISTS daily_option_summary
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT
    contract_id,
    time_bucket(INTERVAL '1 day', hour) AS day,
    first(hour_open, hour) FILTER (WHERE hour_open IS NOT NULL) AS day_open,
    max(hour_high) AS day_high,
    min(hour_low) AS day_low,
    last(hour_close, hour) FILTER (WHERE hour_close IS NOT NULL) AS day_close,
    sum(hour_volume) AS day_volume,
    sum(bars_count)::bigint AS bars_count,
    sum(traded_bars)::bigint AS traded_bars
FROM hourly_option_summary
GROUP BY contract_id, time_bucket(INTERVAL '1 day', hour)
WITH NO DATA
