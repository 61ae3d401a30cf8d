-- Hourly bars of each contract, by full hours of UTC; also of dropped bars whose hours retention wrote down.
CREATE OR REPLACE VIEW hourly_option_summary AS
SELECT
    contract_id,
    hour,
    (open * 0.0001)::numeric(14, 4) AS hour_open,
    (high * 0.0001)::numeric(14, 4) AS hour_high,
    (low * 0.0001)::numeric(14, 4) AS hour_low,
    (close * 0.0001)::numeric(14, 4) AS hour_close,
    volume AS hour_volume,
    bars_count,
    traded_bars,
    volume AS total_volume,
    (bid_sum * 0.0001 / nullif(bids, 0))::numeric(14, 4) AS avg_bid,
    (ask_sum * 0.0001 / nullif(asks, 0))::numeric(14, 4) AS avg_ask,
    (closing_bid * 0.0001)::numeric(14, 4) AS closing_bid,
    (closing_ask * 0.0001)::numeric(14, 4) AS closing_ask,
    (closing_iv * 0.0001)::numeric(12, 4) AS closing_iv,
    (closing_delta * 0.0001)::numeric(12, 4) AS closing_delta,
    closing_oi
FROM store.hourly_option_summary
UNION ALL
SELECT
    contract_id, hour, hour_open, hour_high, hour_low, hour_close, hour_volume, bars_count, traded_bars, hour_volume,
    avg_bid, avg_ask, closing_bid, closing_ask, closing_iv, closing_delta, closing_oi
FROM hourly_option_archive
