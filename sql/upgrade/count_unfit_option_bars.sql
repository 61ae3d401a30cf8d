-- Of a day's option bars in decimals: how many have a series or Greeks that do not fit into the store, and how many are
-- said to be of another kind than their prices are.
-- $1 start timestamptz
-- $2 end timestamptz
SELECT
    count(*) FILTER (WHERE NOT (trades_fit AND bid_fits AND ask_fits)) AS bars,
    count(*) FILTER (WHERE greeks_unfit) AS greeks,
    count(*) FILTER (WHERE relabelled) AS relabelled
FROM decimals.fitting_option_bars_5min
WHERE time >= $1::timestamptz AND time < $2::timestamptz
