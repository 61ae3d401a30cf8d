-- Close runs whose process died, at their last heartbeat; only who holds the advisory lock may call it.
UPDATE intraday_collection_runs
SET
    status = 'interrupted',
    completed_at = heartbeat_at,
    duration_seconds = extract(EPOCH FROM heartbeat_at - started_at),
    error_details = coalesce(error_details, '{}') || '{"reason": "the process ended without closing its run"}'
WHERE status = 'running'
RETURNING id, run_date, run_type, attempt, host, process_id, heartbeat_at
