-- The bars of one contract in a span, a row a session: the trades' extremes, the quotes' last and outermost values.
-- $1 contract_id integer
-- $2 span_start timestamptz
-- $3 span_end timestamptz
SELECT
    (time AT TIME ZONE 'America/New_York')::date AS day,
    (array_agg(open ORDER BY time) FILTER (WHERE open IS NOT NULL))[1] AS open,
    max(high) AS high,
    min(low) AS low,
    (array_agg(close ORDER BY time DESC) FILTER (WHERE close IS NOT NULL))[1] AS close,
    sum(volume)::bigint AS volume,
    min(bid_low) AS bid_low,
    (array_agg(bid_close ORDER BY time DESC) FILTER (WHERE bid_close IS NOT NULL))[1] AS bid_close,
    (array_agg(ask_close ORDER BY time DESC) FILTER (WHERE ask_close IS NOT NULL))[1] AS ask_close,
    max(ask_high) AS ask_high,
    (array_agg(implied_volatility ORDER BY time DESC) FILTER (WHERE implied_volatility IS NOT NULL))[1]
    AS implied_volatility,
    (array_agg(delta ORDER BY time DESC) FILTER (WHERE delta IS NOT NULL))[1] AS delta,
    (array_agg(open_interest ORDER BY time DESC) FILTER (WHERE open_interest IS NOT NULL))[1] AS open_interest,
    bit_or(flags) AS flags
FROM option_bars_5min
WHERE contract_id = $1::integer AND time >= $2::timestamptz AND time < $3::timestamptz
GROUP BY day
ORDER BY day
