-- Every attempt at every window of a session date, in the order of their beginning.
-- $1 day date
SELECT
    id,
    run_date,
    run_type,
    attempt,
    status,
    scheduled_time,
    started_at,
    completed_at,
    heartbeat_at,
    symbols_requested,
    contracts_requested,
    contracts_successful,
    bars_collected,
    bars_updated,
    bars_skipped,
    errors,
    rate_limit_hits,
    duration_seconds,
    error_details,
    progress
FROM intraday_collection_runs
WHERE run_date = $1::date
ORDER BY started_at, id
