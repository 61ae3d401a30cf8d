-- The bars of a spread's legs, slot by slot.
-- $1 contract_ids integer[]
-- $2 span_start timestamptz
-- $3 span_end timestamptz
SELECT time, contract_id, close, volume, bid_close, ask_close, mid_close, has_gaps
FROM option_bars_5min
WHERE contract_id = ANY($1::integer[]) AND time >= $2::timestamptz AND time < $3::timestamptz
ORDER BY time, contract_id
