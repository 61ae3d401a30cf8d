-- Every attempt at a window whose session is not older than a day, as the schedule reads it.
-- $1 since date: the first session day
SELECT
    run_type,
    run_date,
    status,
    started_at,
    completed_at,
    heartbeat_at,
    coalesce(error_details #>> '{error,cause}', '') = 'gateway_down' AS gateway_down
FROM intraday_collection_runs
WHERE run_date >= $1::date
ORDER BY started_at
