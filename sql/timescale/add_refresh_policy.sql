-- Keep the aggregate $1 up to date from $2 back until $3 ago, every $4, unless a policy does; only changes cost work.
SELECT add_continuous_aggregate_policy(
    $1::text::regclass, start_offset => $2::interval, end_offset => $3::interval, schedule_interval => $4::interval
)
WHERE NOT EXISTS (
    SELECT
    FROM timescaledb_information.jobs AS j
    INNER JOIN timescaledb_information.continuous_aggregates AS a
        ON j.hypertable_name IN (a.view_name, a.materialization_hypertable_name)
    WHERE j.proc_name = 'policy_refresh_continuous_aggregate' AND a.view_name = $1::text
)
