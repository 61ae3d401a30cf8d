-- The latest attempt at each window of each session date.
CREATE OR REPLACE VIEW latest_runs AS
SELECT DISTINCT ON (run_date, run_type)
    run_date,
    run_type,
    attempt,
    status,
    started_at,
    completed_at,
    duration_seconds,
    contracts_requested,
    contracts_successful,
    bars_collected,
    bars_updated,
    bars_skipped,
    errors,
    rate_limit_hits,
    id
FROM intraday_collection_runs
ORDER BY run_date, run_type, attempt DESC
