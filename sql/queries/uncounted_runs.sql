-- Runs that ended, or whose process died, before what they asked for was counted, with the days that they asked about.
-- A request for bars of a day asks about years; what of them is missing is seen without it.
-- $1 since timestamptz: runs that started at this instant or later
-- $2 silent_since timestamptz: a run without a heartbeat from then on is taken for dead
SELECT
    run.id,
    coalesce(chain.underlying_id, -asked.instrument_id) AS underlying_id,
    coalesce(
        (min(lower(asked.span)) FILTER (WHERE kind.bar_seconds < 86400) AT TIME ZONE 'America/New_York')::date,
        run.run_date
    ) AS first_day,
    coalesce(
        (
            (max(upper(asked.span)) FILTER (WHERE kind.bar_seconds < 86400) - INTERVAL '1 second')
            AT TIME ZONE 'America/New_York'
        )::date,
        run.run_date
    ) AS last_day
FROM intraday_collection_runs AS run
INNER JOIN requests AS asked
    ON asked.run_id = run.id
    -- By the source's clock, which need not be ours.
    AND asked.sent_at BETWEEN run.started_at - INTERVAL '1 day'
    AND coalesce(run.completed_at, run.heartbeat_at) + INTERVAL '1 day'
INNER JOIN data_sets AS kind ON kind.id = asked.data_set
LEFT JOIN option_chains AS chain ON chain.id = asked.instrument_id
WHERE run.started_at >= $1::timestamptz
    AND (run.status <> 'running' OR run.heartbeat_at < $2::timestamptz)
    AND NOT coalesce((run.progress ->> 'counted')::boolean, false)
GROUP BY run.id, coalesce(chain.underlying_id, -asked.instrument_id)
ORDER BY run.id, underlying_id
