-- How many bars came each day?
SELECT
    $__timeGroupAlias(started_at, '1d'),
    run_type AS metric,
    sum(bars_collected) AS bars
FROM intraday_collection_runs
WHERE $__timeFilter(started_at)
GROUP BY 1, 2
ORDER BY 1, 2
