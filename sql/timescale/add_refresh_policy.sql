-- Keep an aggregate up to date, unless a policy does; only changes cost work.
-- $1 name text
-- $2 reach interval: from so far back
-- $3 aggregate_lag interval: until so long ago
-- $4 refresh_every interval
SELECT add_continuous_aggregate_policy(
    $1::text::regclass, start_offset => $2::interval, end_offset => $3::interval, schedule_interval => $4::interval
)
WHERE NOT EXISTS (
    SELECT
    FROM timescaledb_information.jobs AS j
    INNER JOIN timescaledb_information.continuous_aggregates AS a
        ON j.hypertable_name IN (a.view_name, a.materialization_hypertable_name)
    WHERE j.proc_name = 'policy_refresh_continuous_aggregate' AND format('%I.%I', a.view_schema, a.view_name)::regclass = $1::text::regclass
)
