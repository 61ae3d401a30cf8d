-- Of a day's bars of underlyings in decimals: how many have a series that does not fit into the store.
-- $1 start timestamptz
-- $2 end timestamptz
SELECT
    count(*) AS bars,
    0 AS greeks,
    0 AS relabelled
FROM decimals.fitting_underlying_bars_5min
WHERE NOT (trades_fit AND volatility_fits) AND time >= $1::timestamptz AND time < $2::timestamptz
