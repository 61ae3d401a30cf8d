-- Hourly sums of each contract in whole numbers, by full hours of UTC, kept up to date; the running hour is computed
-- when it is read. Prices are ten-thousandths of a USD.
CREATE MATERIALIZED VIEW IF NOT EXISTS store.hourly_option_summary
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT
    contract_id,
    time_bucket(INTERVAL '1 hour', time) AS hour,
    first(open * unit, time) FILTER (WHERE open IS NOT NULL) AS open,
    max((greatest(open, close) + up) * unit) AS high,
    min((least(open, close) - down) * unit) AS low,
    last(close * unit, time) FILTER (WHERE close IS NOT NULL) AS close,
    sum(volume) AS volume,
    count(*) AS bars_count,
    count(close) AS traded_bars,
    sum(bid_close * unit) AS bid_sum,
    count(bid_close) AS bids,
    sum(ask_close * unit) AS ask_sum,
    count(ask_close) AS asks,
    last(bid_close * unit, time) FILTER (WHERE bid_close IS NOT NULL) AS closing_bid,
    last(ask_close * unit, time) FILTER (WHERE ask_close IS NOT NULL) AS closing_ask,
    last(implied_volatility, time) FILTER (WHERE implied_volatility IS NOT NULL) AS closing_iv,
    last(delta, time) FILTER (WHERE delta IS NOT NULL) AS closing_delta,
    last(open_interest, time) FILTER (WHERE open_interest IS NOT NULL) AS closing_oi
FROM store.option_bars_5min
GROUP BY contract_id, time_bucket(INTERVAL '1 hour', time)
WITH NO DATA
