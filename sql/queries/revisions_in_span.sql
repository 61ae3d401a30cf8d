-- Settled bars of an instrument that were replaced, in whole numbers, as they were before; the latest replaced first.
-- $1 instrument_key integer: an underlying's id is below zero
-- $2 data_set_id smallint
-- $3 span_start timestamptz
-- $4 span_end timestamptz
SELECT
    time,
    (open * 10000)::bigint AS open,
    (high * 10000)::bigint AS high,
    (low * 10000)::bigint AS low,
    (close * 10000)::bigint AS close,
    -- Contracts of an option, ten-thousandths of an underlying's share.
    (CASE WHEN instrument_id > 0 THEN volume ELSE volume * 10000 END)::bigint AS volume,
    bar_count,
    (vwap * 10000)::bigint AS vwap,
    (bid_open * 10000)::bigint AS bid_open,
    (bid_high * 10000)::bigint AS bid_high,
    (bid_low * 10000)::bigint AS bid_low,
    (bid_close * 10000)::bigint AS bid_close,
    (ask_open * 10000)::bigint AS ask_open,
    (ask_high * 10000)::bigint AS ask_high,
    (ask_low * 10000)::bigint AS ask_low,
    (ask_close * 10000)::bigint AS ask_close,
    (implied_volatility * 10000)::bigint AS implied_volatility,
    (adjusted_close * 10000)::bigint AS adjusted_close,
    replaced_at,
    run_id
FROM bar_revisions
WHERE instrument_id = $1::integer
    AND data_set = $2::smallint
    AND time >= $3::timestamptz
    AND time < $4::timestamptz
ORDER BY replaced_at DESC, id DESC
