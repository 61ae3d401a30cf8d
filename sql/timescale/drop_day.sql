-- Drop the chunks of option bars that lie in a span.
-- $1 day timestamptz: its start
-- $2 end timestamptz
SELECT drop_chunks('option_bars_5min', older_than => $2::timestamptz, newer_than => $1::timestamptz)
