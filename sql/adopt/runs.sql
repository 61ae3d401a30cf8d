-- Adopt the record of runs with their ids; none of them is running any more.
INSERT INTO intraday_collection_runs (
    id, run_date, run_type, attempt, scheduled_time, started_at, heartbeat_at, completed_at, symbols_requested,
    duration_requested, bar_size, contracts_requested, contracts_successful, bars_collected, bars_updated,
    bars_skipped, errors, rate_limit_hits, duration_seconds, status, error_details, forced, host
)
SELECT
    adopted.id, adopted.run_date, adopted.run_type, adopted.attempt, adopted.scheduled_time, adopted.started_at,
    adopted.heartbeat_at, adopted.completed_at, adopted.symbols_requested, adopted.duration_requested,
    adopted.bar_size, adopted.contracts_requested, adopted.contracts_successful, adopted.bars_collected,
    adopted.bars_updated, adopted.bars_skipped, adopted.errors, adopted.rate_limit_hits, adopted.duration_seconds,
    adopted.status, adopted.error_details, adopted.forced, adopted.host
FROM
    (
        SELECT
            *,
            row_number() OVER (PARTITION BY run_date, run_type ORDER BY id) AS ordinal
        FROM earlier_system.intraday_collection_runs
    ) AS earlier,
    LATERAL jsonb_populate_record(
        NULL::intraday_collection_runs,
        jsonb_build_object(
            'started_at', now(), 'symbols_requested', '[]'::jsonb, 'bar_size', '5 mins', 'contracts_requested', 0,
            'contracts_successful', 0, 'bars_collected', 0, 'bars_updated', 0, 'bars_skipped', 0, 'errors', 0,
            'rate_limit_hits', 0, 'forced', false, 'host', 'earlier system'
        )
        || jsonb_strip_nulls(to_jsonb(earlier))
        || jsonb_build_object(
            'attempt', earlier.ordinal,
            'heartbeat_at', coalesce(to_jsonb(earlier) ->> 'completed_at', to_jsonb(earlier) ->> 'started_at', now()::text),
            'status', CASE
                WHEN to_jsonb(earlier) ->> 'status' IN ('success', 'partial', 'failed', 'interrupted')
                    THEN to_jsonb(earlier) ->> 'status'
                WHEN to_jsonb(earlier) ->> 'status' = 'completed' THEN 'success'
                ELSE 'interrupted'
            END
        )
    ) AS adopted
