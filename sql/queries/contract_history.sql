-- The bars of one contract as a back-test reads them.
-- $1 contract_id integer
-- $2 span_start timestamptz
-- $3 span_end timestamptz
SELECT
    time, open, high, low, close, volume, bar_count, vwap, bid_close, ask_close, spread_close, mid_close,
    implied_volatility, delta, gamma, theta, vega, rho, open_interest, flags, data_source, has_gaps, bid_low, ask_high
FROM option_bars_5min
WHERE contract_id = $1::integer AND time >= $2::timestamptz AND time < $3::timestamptz
ORDER BY time
