-- The latest attempts at windows, the last one first.
-- $1 limit integer: how many
-- $2 before integer: only earlier ones than this run; NULL is all
-- $3 run_window text: only of this window; NULL is all
-- $4 status text: only those that stand or ended so; NULL is all
-- $5 symbol text: only those that were to collect it; NULL is all
-- $6 day date: only of this session; NULL is all
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
WHERE ($2::integer IS NULL OR id < $2::integer)
    AND ($3::text IS NULL OR run_type = $3::text)
    AND ($4::text IS NULL OR status = $4::text)
    AND ($5::text IS NULL OR $5::text = ANY(symbols_requested))
    AND ($6::date IS NULL OR run_date = $6::date)
ORDER BY id DESC
LIMIT $1::integer
