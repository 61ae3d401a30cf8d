-- What all attempts so far came to, by window and how they ended; for the metrics.
SELECT
    run_type,
    status,
    count(*) AS runs,
    coalesce(sum(bars_collected), 0)::bigint AS inserted,
    coalesce(sum(bars_updated), 0)::bigint AS updated,
    coalesce(sum(bars_skipped), 0)::bigint AS identical,
    coalesce(sum((progress ->> 'attempts')::bigint), 0)::bigint AS requests,
    coalesce(sum(rate_limit_hits), 0)::bigint AS rate_limit_hits,
    max(completed_at) AS last_completed
FROM intraday_collection_runs
GROUP BY run_type, status
ORDER BY run_type, status
