-- Open a run as the next attempt at its window.
-- $1 day date: of the session
-- $2 window text
-- $3 scheduled timestamptz
-- $4 started_at timestamptz
-- $5 symbols text[]
-- $6 duration text
-- $7 bar_size text
-- $8 forced boolean
-- $9 host text
-- $10 process_id integer
INSERT INTO intraday_collection_runs (
    run_date, run_type, attempt, scheduled_time, started_at, heartbeat_at, symbols_requested, duration_requested,
    bar_size, forced, host, process_id, status
)
SELECT
    $1::date,
    $2::text,
    coalesce(max(attempt), 0) + 1,
    $3::timestamptz,
    $4::timestamptz,
    $4::timestamptz,
    $5::text[],
    $6::text,
    $7::text,
    $8::boolean,
    $9::text,
    $10::integer,
    'running'
FROM intraday_collection_runs
WHERE run_date = $1::date AND run_type = $2::text
RETURNING id
