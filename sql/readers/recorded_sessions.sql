-- What each session's collection of a symbol came to, as it was measured last.
-- $1 symbol text
SELECT
    collection_date AS session,
    contracts,
    completeness_percent::float8 AS completeness_percent,
    open_gap_slots,
    lost_gap_slots,
    quarantined_bars
FROM session_quality
WHERE symbol = $1::text
ORDER BY collection_date
