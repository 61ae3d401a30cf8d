-- How many of a day's option bars are not in the store what they were in decimals, or are in one of them only.
-- $1 start timestamptz
-- $2 end timestamptz
SELECT count(*) AS bars
FROM (
    SELECT
        contract_id, time, open, high, low, close, volume, bar_count, vwap, bid_open, bid_high, bid_low,
        bid_close, ask_open, ask_high, ask_low, ask_close, spread_close, mid_close, implied_volatility, delta,
        gamma, theta, vega, rho, greeks_version, greeks_reason, open_interest, flags, collection_run_id,
        data_source, has_gaps, created_at, updated_at
    FROM decimals.fitting_option_bars_5min
    WHERE kept AND time >= $1::timestamptz AND time < $2::timestamptz
) AS before
FULL JOIN (
    SELECT
        contract_id, time, open, high, low, close, volume, bar_count, vwap, bid_open, bid_high, bid_low,
        bid_close, ask_open, ask_high, ask_low, ask_close, spread_close, mid_close, implied_volatility, delta,
        gamma, theta, vega, rho, greeks_version, greeks_reason, open_interest, flags, collection_run_id,
        data_source, has_gaps, created_at, updated_at
    FROM decimals.stored_option_bars_5min
    WHERE time >= $1::timestamptz AND time < $2::timestamptz
) AS after USING (contract_id, time)
WHERE before IS DISTINCT FROM after
