-- Daily bars of each contract; a session lies inside one day of UTC. Also of dropped bars whose hours were written down.
CREATE OR REPLACE VIEW daily_option_summary AS
SELECT
    contract_id,
    day,
    (open * 0.0001)::numeric(14, 4) AS day_open,
    (high * 0.0001)::numeric(14, 4) AS day_high,
    (low * 0.0001)::numeric(14, 4) AS day_low,
    (close * 0.0001)::numeric(14, 4) AS day_close,
    volume AS day_volume,
    bars_count,
    traded_bars,
    (closing_bid * 0.0001)::numeric(14, 4) AS closing_bid,
    (closing_ask * 0.0001)::numeric(14, 4) AS closing_ask,
    (closing_iv * 0.0001)::numeric(12, 4) AS closing_iv,
    (closing_delta * 0.0001)::numeric(12, 4) AS closing_delta,
    closing_oi
FROM store.daily_option_summary
UNION ALL
SELECT
    contract_id,
    date_trunc('day', hour, 'UTC'),
    (array_agg(hour_open ORDER BY hour) FILTER (WHERE hour_open IS NOT NULL))[1]::numeric(14, 4),
    max(hour_high)::numeric(14, 4),
    min(hour_low)::numeric(14, 4),
    (array_agg(hour_close ORDER BY hour DESC) FILTER (WHERE hour_close IS NOT NULL))[1]::numeric(14, 4),
    sum(hour_volume)::bigint,
    sum(bars_count)::bigint,
    sum(traded_bars)::bigint,
    (array_agg(closing_bid ORDER BY hour DESC) FILTER (WHERE closing_bid IS NOT NULL))[1]::numeric(14, 4),
    (array_agg(closing_ask ORDER BY hour DESC) FILTER (WHERE closing_ask IS NOT NULL))[1]::numeric(14, 4),
    (array_agg(closing_iv ORDER BY hour DESC) FILTER (WHERE closing_iv IS NOT NULL))[1]::numeric(12, 4),
    (array_agg(closing_delta ORDER BY hour DESC) FILTER (WHERE closing_delta IS NOT NULL))[1]::numeric(12, 4),
    (array_agg(closing_oi ORDER BY hour DESC) FILTER (WHERE closing_oi IS NOT NULL))[1]
FROM hourly_option_archive
GROUP BY contract_id, date_trunc('day', hour, 'UTC')
