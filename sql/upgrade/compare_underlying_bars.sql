-- How many of a day's bars of underlyings are not in the store what they were in decimals, or are in one of them only.
-- $1 start timestamptz
-- $2 end timestamptz
SELECT count(*) AS bars
FROM (
    SELECT
        underlying_id, time, open, high, low, close, volume, bar_count, vwap, implied_volatility, flags,
        collection_run_id, has_gaps, created_at, updated_at
    FROM decimals.fitting_underlying_bars_5min
    WHERE kept AND time >= $1::timestamptz AND time < $2::timestamptz
) AS before
FULL JOIN (
    SELECT
        underlying_id, time, open, high, low, close, volume, bar_count, vwap, implied_volatility, flags,
        collection_run_id, has_gaps, created_at, updated_at
    FROM decimals.stored_underlying_bars_5min
    WHERE time >= $1::timestamptz AND time < $2::timestamptz
) AS after USING (underlying_id, time)
WHERE before IS DISTINCT FROM after
