-- Add quote coverage, volatility coverage, doubt and quarantine to a session's statistics, where it has any.
-- $1 session day, $2 symbol, $3 slots with bid and ask, $4 with an implied volatility, $5 bars in quarantine,
-- $6 flagged bars.
UPDATE collection_statistics
SET
    quote_percent = least(100.0 * $3::bigint / nullif(expected_slots, 0), 100),
    iv_percent = least(100.0 * $4::bigint / nullif(expected_slots, 0), 100),
    quarantined_bars = $5::bigint,
    flagged_bars = $6::bigint
WHERE collection_date = $1::date AND symbol = $2::text
