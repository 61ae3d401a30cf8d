-- Daily bars of each contract: the same columns where there are no continuous aggregates.
CREATE OR REPLACE VIEW daily_option_summary AS
SELECT
    contract_id,
    date_trunc('day', time, 'UTC') AS day,
    (array_agg(open ORDER BY time) FILTER (WHERE open IS NOT NULL))[1] AS day_open,
    max(high) AS day_high,
    min(low) AS day_low,
    (array_agg(close ORDER BY time DESC) FILTER (WHERE close IS NOT NULL))[1] AS day_close,
    sum(volume) AS day_volume,
    count(*) AS bars_count,
    count(close) AS traded_bars
FROM option_bars_5min
GROUP BY contract_id, date_trunc('day', time, 'UTC')
