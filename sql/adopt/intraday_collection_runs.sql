-- Adopt the record of runs with their ids; none is running any more, and those of unknown windows become manual.
-- $1 windows text[]: the known ones
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
            run.*,
            known.run_type AS known_type,
            row_number() OVER (PARTITION BY run.run_date, coalesce(known.run_type, 'manual') ORDER BY run.id) AS ordinal
        FROM earlier_system.intraday_collection_runs AS run
        LEFT JOIN unnest($1::text[]) AS known (run_type) ON known.run_type = run.run_type::text
    ) AS earlier,
    LATERAL jsonb_populate_record(
        NULL::intraday_collection_runs,
        jsonb_build_object(
            'started_at', now(), 'symbols_requested', '[]'::jsonb, 'bar_size', '5 mins', 'contracts_requested', 0,
            'contracts_successful', 0, 'bars_collected', 0, 'bars_updated', 0, 'bars_skipped', 0, 'errors', 0,
            'rate_limit_hits', 0, 'forced', false, 'host', 'earlier system'
        )
        || jsonb_strip_nulls(to_jsonb(earlier))
        || CASE
            WHEN earlier.known_type IS NULL THEN jsonb_build_object(
                'run_type', 'manual',
                'error_details', jsonb_strip_nulls(
                    jsonb_build_object(
                        'earlier_run_type', earlier.run_type, 'earlier_details', to_jsonb(earlier) -> 'error_details'
                    )
                )
            )
            ELSE '{}'
        END
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
