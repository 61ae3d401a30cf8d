-- Delete a day's bars of underlyings from decimals.
-- $1 start timestamptz
-- $2 end timestamptz
DELETE FROM decimals.underlying_bars_5min
WHERE time >= $1::timestamptz AND time < $2::timestamptz
