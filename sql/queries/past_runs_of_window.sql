-- The last finished attempt at a window of each earlier session, the latest sessions first: $1 window, $2 before this day, $3 how many.
SELECT DISTINCT ON (run_date)
    id,
    run_date,
    status,
    bars_collected + bars_updated + bars_skipped AS bars,
    contracts_requested AS contracts,
    duration_seconds,
    (progress ->> 'reached')::float8 AS reached,
    coalesce((progress ->> 'slots')::integer, 0) AS slots
FROM intraday_collection_runs
WHERE run_type = $1::text AND run_date < $2::date AND status IN ('success', 'partial', 'failed')
ORDER BY run_date DESC, attempt DESC
LIMIT $3::integer
