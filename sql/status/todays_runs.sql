-- Every attempt at every window of today's session (New York's date).
SELECT
    run_type,
    attempt,
    status,
    to_char(started_at AT TIME ZONE 'America/New_York', 'HH24:MI:SS') AS started_new_york,
    to_char(started_at AT TIME ZONE 'Asia/Jerusalem', 'HH24:MI:SS') AS started_jerusalem,
    coalesce(duration_seconds, round(extract(EPOCH FROM heartbeat_at - started_at), 3)) AS seconds,
    contracts_successful || ' of ' || contracts_requested AS contracts,
    bars_collected,
    bars_updated,
    bars_skipped,
    errors,
    rate_limit_hits
FROM intraday_collection_runs
WHERE run_date = (now() AT TIME ZONE 'America/New_York')::date
ORDER BY started_at;
