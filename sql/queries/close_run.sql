-- Close a run.
-- $1 run_id integer
-- $2 status text
-- $3 completed_at timestamptz
-- $4 contracts_requested integer
-- $5 contracts_successful integer
-- $6 bars_inserted bigint
-- $7 bars_updated bigint
-- $8 bars_identical bigint
-- $9 errors integer
-- $10 rate_limit_hits integer
-- $11 error_details jsonb
-- $12 progress jsonb: NULL leaves what the last heartbeat said
UPDATE intraday_collection_runs
SET
    status = $2::text,
    completed_at = $3::timestamptz,
    heartbeat_at = $3::timestamptz,
    duration_seconds = extract(EPOCH FROM $3::timestamptz - started_at),
    contracts_requested = $4::integer,
    contracts_successful = $5::integer,
    bars_collected = $6::bigint,
    bars_updated = $7::bigint,
    bars_skipped = $8::bigint,
    errors = $9::integer,
    rate_limit_hits = $10::integer,
    error_details = $11::jsonb,
    progress = coalesce($12::jsonb, progress)
WHERE id = $1::integer
