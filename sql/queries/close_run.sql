-- Close a run: $1 run id, $2 status, $3 completed, $4..$10 its totals, $11 error details, $12 progress.
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
