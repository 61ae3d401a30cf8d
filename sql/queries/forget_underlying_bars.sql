-- Mark the bars of a session as incomplete after its coverage was forgotten.
-- $1 symbols text[]
-- $2 session_open timestamptz
-- $3 session_close timestamptz
-- $4 now timestamptz
UPDATE store.underlying_bars_5min AS bar
SET has_gaps = true, updated_at = $4::timestamptz
WHERE bar.time >= $2::timestamptz
    AND bar.time < $3::timestamptz
    AND NOT bar.has_gaps
    AND bar.underlying_id IN (SELECT id FROM underlying_securities WHERE symbol = ANY($1::text[]))
