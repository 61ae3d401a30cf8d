-- The bars of one contract: $1 contract id, $2 from, $3 until.
SELECT *
FROM option_bars_5min
WHERE contract_id = $1::integer AND time >= $2::timestamptz AND time < $3::timestamptz
ORDER BY time
