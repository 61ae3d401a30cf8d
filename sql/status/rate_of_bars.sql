-- How fast the last twenty runs stored bars, a running one included: rows a second, contracts a minute.
SELECT
    id,
    run_date,
    run_type,
    status,
    seconds,
    bars_collected + bars_updated + bars_skipped AS bars,
    round((bars_collected + bars_updated + bars_skipped) / nullif(seconds, 0), 1) AS bars_per_second,
    round(60 * contracts_successful / nullif(seconds, 0), 1) AS contracts_per_minute,
    rate_limit_hits
FROM (
    SELECT
        *,
        coalesce(duration_seconds, extract(EPOCH FROM heartbeat_at - started_at)) AS seconds
    FROM intraday_collection_runs
    ORDER BY id DESC
    LIMIT 20
) AS run
ORDER BY id DESC;
