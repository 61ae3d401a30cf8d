-- Did every run succeed?
SELECT
    run_date AS session,
    run_type AS window,
    status,
    attempt,
    started_at AS began,
    duration_seconds AS seconds,
    bars_collected AS "new bars",
    errors
FROM latest_runs
WHERE $__timeFilter(started_at)
ORDER BY started_at DESC
LIMIT 100
