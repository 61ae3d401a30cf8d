-- Show the runs of the present New York day.
CREATE VIEW compat.v_today_collection_status AS
SELECT
    run_type,
    scheduled_time,
    started_at,
    completed_at,
    status,
    format('%s/%s', contracts_successful, contracts_requested) AS contracts,
    bars_collected,
    errors,
    duration_seconds,
    CASE status WHEN 'success' THEN '✅' WHEN 'partial' THEN '⚠️' WHEN 'failed' THEN '❌' ELSE '🔄' END AS status_icon
FROM public.intraday_collection_runs
WHERE run_date = (now() AT TIME ZONE 'America/New_York')::date;

COMMENT ON VIEW compat.v_today_collection_status IS 'Runs of the present day in New York.'
