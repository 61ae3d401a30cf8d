-- Drop the chunk of a day of option bars in decimals.
-- $1 start timestamptz
-- $2 end timestamptz
SELECT drop_chunks('decimals.option_bars_5min', older_than => $2::timestamptz, newer_than => $1::timestamptz)
