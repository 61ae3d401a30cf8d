-- When the latest option bar of an underlying in a span starts, NULL without any.
-- $1 first_id integer: of its contracts, from `contract_range`
-- $2 last_id integer
-- $3 span_start timestamptz
-- $4 span_end timestamptz
SELECT max(time) AS latest
FROM store.option_bars_5min
WHERE contract_id >= $1::integer
    AND contract_id <= $2::integer
    AND time >= $3::timestamptz
    AND time < $4::timestamptz
