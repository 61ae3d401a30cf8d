-- Hourly sums of each contract in whole numbers: the same columns where there are no continuous aggregates.
CREATE OR REPLACE VIEW store.hourly_option_summary AS
SELECT
    contract_id,
    date_trunc('hour', time, 'UTC') AS hour,
    (array_agg(open * unit ORDER BY time) FILTER (WHERE open IS NOT NULL))[1] AS open,
    max((greatest(open, close) + up) * unit) AS high,
    min((least(open, close) - down) * unit) AS low,
    (array_agg(close * unit ORDER BY time DESC) FILTER (WHERE close IS NOT NULL))[1] AS close,
    sum(volume) AS volume,
    count(*) AS bars_count,
    count(close) AS traded_bars,
    sum(bid_close * unit) AS bid_sum,
    count(bid_close) AS bids,
    sum(ask_close * unit) AS ask_sum,
    count(ask_close) AS asks,
    (array_agg(bid_close * unit ORDER BY time DESC) FILTER (WHERE bid_close IS NOT NULL))[1] AS closing_bid,
    (array_agg(ask_close * unit ORDER BY time DESC) FILTER (WHERE ask_close IS NOT NULL))[1] AS closing_ask,
    (array_agg(implied_volatility ORDER BY time DESC) FILTER (WHERE implied_volatility IS NOT NULL))[1] AS closing_iv,
    (array_agg(delta ORDER BY time DESC) FILTER (WHERE delta IS NOT NULL))[1] AS closing_delta,
    (array_agg(open_interest ORDER BY time DESC) FILTER (WHERE open_interest IS NOT NULL))[1] AS closing_oi
FROM store.option_bars_5min
GROUP BY contract_id, date_trunc('hour', time, 'UTC')
