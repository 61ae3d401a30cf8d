-- The latest attempts at any window, the last one first.
-- $1 limit integer: how many
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
ORDER BY id DESC
LIMIT $1::integer
