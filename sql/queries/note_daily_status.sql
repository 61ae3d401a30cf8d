-- Note how a session date's collection of one kind stands for a symbol.
-- $1 session_day date
-- $2 due timestamptz
-- $3 symbol text
-- $4 collection_type text
-- $5 started_at timestamptz
-- $6 completed_at timestamptz
-- $7 status text
-- $8 records bigint
-- $9 error_message text
-- $10 timezone text
INSERT INTO daily_collection_status (
    collection_date, collection_time, symbol, collection_type, started_at, completed_at, status, records_collected,
    error_message, timezone
)
VALUES (
    $1::date, $2::timestamptz, $3::text, $4::text, $5::timestamptz, $6::timestamptz, $7::text, $8::bigint, $9::text,
    $10::text
)
ON CONFLICT (collection_date, symbol, collection_type) DO UPDATE
SET
    collection_time = excluded.collection_time,
    started_at = excluded.started_at,
    completed_at = excluded.completed_at,
    status = excluded.status,
    records_collected = excluded.records_collected,
    error_message = excluded.error_message,
    timezone = excluded.timezone
