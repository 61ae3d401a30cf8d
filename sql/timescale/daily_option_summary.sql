-- Daily sums of each contract on top of the hourly ones; a session lies inside one day of UTC.
CREATE MATERIALIZED VIEW IF NOT EXISTS store.daily_option_summary
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT
    contract_id,
    time_bucket(INTERVAL '1 day', hour) AS day,
    first(open, hour) FILTER (WHERE open IS NOT NULL) AS open,
    max(high) AS high,
    min(low) AS low,
    last(close, hour) FILTER (WHERE close IS NOT NULL) AS close,
    sum(volume)::bigint AS volume,
    sum(bars_count)::bigint AS bars_count,
    sum(traded_bars)::bigint AS traded_bars,
    last(closing_bid, hour) FILTER (WHERE closing_bid IS NOT NULL) AS closing_bid,
    last(closing_ask, hour) FILTER (WHERE closing_ask IS NOT NULL) AS closing_ask,
    last(closing_iv, hour) FILTER (WHERE closing_iv IS NOT NULL) AS closing_iv,
    last(closing_delta, hour) FILTER (WHERE closing_delta IS NOT NULL) AS closing_delta,
    last(closing_oi, hour) FILTER (WHERE closing_oi IS NOT NULL) AS closing_oi
FROM store.hourly_option_summary
GROUP BY contract_id, time_bucket(INTERVAL '1 day', hour)
WITH NO DATA
