-- Say that a run is alive, and how far it is.
-- $1 run_id integer
-- $2 now timestamptz
-- $3 progress jsonb
UPDATE intraday_collection_runs
SET heartbeat_at = $2::timestamptz, progress = $3::jsonb
WHERE id = $1::integer AND status = 'running'
