-- Daily bars of each contract on top of the hourly ones: the same columns where there are no continuous aggregates.
CREATE OR REPLACE VIEW daily_option_summary AS
SELECT
    contract_id,
    date_trunc('day', hour, 'UTC') AS day,
    (array_agg(hour_open ORDER BY hour) FILTER (WHERE hour_open IS NOT NULL))[1] AS day_open,
    max(hour_high) AS day_high,
    min(hour_low) AS day_low,
    (array_agg(hour_close ORDER BY hour DESC) FILTER (WHERE hour_close IS NOT NULL))[1] AS day_close,
    sum(hour_volume) AS day_volume,
    sum(bars_count)::bigint AS bars_count,
    sum(traded_bars)::bigint AS traded_bars
FROM hourly_option_summary
GROUP BY contract_id, date_trunc('day', hour, 'UTC')
