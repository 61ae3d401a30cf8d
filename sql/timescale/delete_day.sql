-- Delete the option bars of a span, where there are no chunks to drop.
-- $1 day timestamptz: its start
-- $2 end timestamptz
DELETE FROM option_bars_5min
WHERE time >= $1::timestamptz AND time < $2::timestamptz
