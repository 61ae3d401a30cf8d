-- Hourly bars of each contract, by full hours of UTC: the same columns where there are no continuous aggregates.
CREATE OR REPLACE VIEW hourly_option_summary AS
SELECT
    contract_id,
    date_trunc('hour', time, 'UTC') AS hour,
    (array_agg(open ORDER BY time) FILTER (WHERE open IS NOT NULL))[1]::numeric AS hour_open,
    max(high)::numeric AS hour_high,
    min(low)::numeric AS hour_low,
    (array_agg(close ORDER BY time DESC) FILTER (WHERE close IS NOT NULL))[1]::numeric AS hour_close,
    sum(volume) AS hour_volume,
    count(*) AS bars_count,
    count(close) AS traded_bars
FROM option_bars_5min
GROUP BY contract_id, date_trunc('hour', time, 'UTC')
UNION ALL
SELECT contract_id, hour, hour_open, hour_high, hour_low, hour_close, hour_volume, bars_count, traded_bars
FROM hourly_option_archive
