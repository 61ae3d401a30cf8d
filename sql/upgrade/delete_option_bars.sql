-- Delete a day's option bars from decimals.
-- $1 start timestamptz
-- $2 end timestamptz
DELETE FROM decimals.option_bars_5min
WHERE time >= $1::timestamptz AND time < $2::timestamptz
