-- Drop the chunks of option bars that lie in [$1, $2).
SELECT drop_chunks('option_bars_5min', older_than => $2::timestamptz, newer_than => $1::timestamptz)
