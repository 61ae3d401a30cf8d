-- The last attempt at each window of sessions between two days, with how many attempts there were: $1 first day, $2 last day.
SELECT DISTINCT ON (run_date, run_type)
    id,
    run_date,
    run_type,
    attempt,
    status,
    rate_limit_hits,
    coalesce((progress ->> 'attempts')::integer, 0) AS requests
FROM intraday_collection_runs
WHERE run_date BETWEEN $1::date AND $2::date AND status <> 'running'
ORDER BY run_date, run_type, attempt DESC
