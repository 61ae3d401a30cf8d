-- How a window of each earlier session ended, the latest sessions first.
-- Status and share are those of the last finished attempt; bars, contracts and seconds those of all of them, since a
-- further attempt asks only for what is left.
-- $1 window text
-- $2 before date: this session day
-- $3 compared_sessions integer: how many
SELECT DISTINCT ON (run_date)
    id,
    run_date,
    status,
    (sum(bars_collected + bars_updated + bars_skipped) OVER session)::bigint AS bars,
    max(contracts_requested) OVER session AS contracts,
    sum(duration_seconds) OVER session AS duration_seconds,
    (progress ->> 'reached')::float8 AS reached,
    coalesce((progress ->> 'slots')::integer, 0) AS slots
FROM intraday_collection_runs
WHERE run_type = $1::text AND run_date < $2::date AND status IN ('success', 'partial', 'failed')
WINDOW session AS (PARTITION BY run_date)
ORDER BY run_date DESC, attempt DESC
LIMIT $3::integer
