-- Record a window that did not run.
-- $1 session_day date
-- $2 due timestamptz
-- $3 window text
-- $4 kind text: of miss
-- $5 now timestamptz
-- $6 reason text
INSERT INTO daily_collection_status AS noted (
    collection_date, collection_time, symbol, collection_type, started_at, completed_at, status, error_message
)
VALUES ($1::date, $2::timestamptz, 'MISSED ' || $4::text, $3::text, $5::timestamptz, $5::timestamptz, 'missed', $6::text)
ON CONFLICT (collection_date, symbol, collection_type) DO UPDATE
SET error_message = excluded.error_message, completed_at = excluded.completed_at
