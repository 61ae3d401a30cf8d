-- What was stored when a weekly run last measured it before an instant.
-- $1 until timestamptz
SELECT
    completed_at,
    progress -> 'storage' AS storage
FROM intraday_collection_runs
WHERE run_type = 'weekly' AND completed_at < $1::timestamptz AND progress ? 'storage'
ORDER BY completed_at DESC
LIMIT 1
