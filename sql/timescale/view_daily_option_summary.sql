-- Daily sums of each contract on top of the hourly ones: the same columns where there are no continuous aggregates.
CREATE OR REPLACE VIEW store.daily_option_summary AS
SELECT
    contract_id,
    date_trunc('day', hour, 'UTC') AS day,
    (array_agg(open ORDER BY hour) FILTER (WHERE open IS NOT NULL))[1] AS open,
    max(high) AS high,
    min(low) AS low,
    (array_agg(close ORDER BY hour DESC) FILTER (WHERE close IS NOT NULL))[1] AS close,
    sum(volume)::bigint AS volume,
    sum(bars_count)::bigint AS bars_count,
    sum(traded_bars)::bigint AS traded_bars,
    (array_agg(closing_bid ORDER BY hour DESC) FILTER (WHERE closing_bid IS NOT NULL))[1] AS closing_bid,
    (array_agg(closing_ask ORDER BY hour DESC) FILTER (WHERE closing_ask IS NOT NULL))[1] AS closing_ask,
    (array_agg(closing_iv ORDER BY hour DESC) FILTER (WHERE closing_iv IS NOT NULL))[1] AS closing_iv,
    (array_agg(closing_delta ORDER BY hour DESC) FILTER (WHERE closing_delta IS NOT NULL))[1] AS closing_delta,
    (array_agg(closing_oi ORDER BY hour DESC) FILTER (WHERE closing_oi IS NOT NULL))[1] AS closing_oi
FROM store.hourly_option_summary
GROUP BY contract_id, date_trunc('day', hour, 'UTC')
