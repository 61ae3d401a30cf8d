-- The last attempt at each window of sessions between two days, and what all attempts came to.
-- $1 first date: day
-- $2 last date: day, included
SELECT DISTINCT ON (run_date, run_type)
    id,
    run_date,
    run_type,
    attempt,
    status,
    (count(*) FILTER (WHERE status IN ('failed', 'interrupted')) OVER every)::integer AS failed,
    (sum(rate_limit_hits) OVER every)::bigint AS rate_limit_hits,
    (sum(coalesce((progress ->> 'attempts')::integer, 0)) OVER every)::bigint AS requests
FROM intraday_collection_runs
WHERE run_date BETWEEN $1::date AND $2::date AND status <> 'running'
WINDOW every AS (PARTITION BY run_date, run_type)
ORDER BY run_date, run_type, attempt DESC
