-- Add quote coverage, volatility coverage, doubt and quarantine to a session's statistics, where it has any.
-- $1 session_day date
-- $2 symbol text
-- $3 quoted bigint: slots with bid and ask
-- $4 with_iv bigint: slots with an implied volatility
-- $5 quarantined bigint: bars
-- $6 doubted bigint: bars with a flag
UPDATE collection_statistics
SET
    quote_percent = least(100.0 * $3::bigint / nullif(expected_slots, 0), 100),
    iv_percent = least(100.0 * $4::bigint / nullif(expected_slots, 0), 100),
    quarantined_bars = $5::bigint,
    flagged_bars = $6::bigint
WHERE collection_date = $1::date AND symbol = $2::text
