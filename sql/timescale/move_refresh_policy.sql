-- Change how far back an aggregate is kept up to date, where it differs.
-- $1 name text
-- $2 reach interval
SELECT altered.job_id
FROM
    timescaledb_information.jobs AS j
INNER JOIN timescaledb_information.continuous_aggregates AS a
    ON j.hypertable_name IN (a.view_name, a.materialization_hypertable_name),
    LATERAL alter_job(
        j.job_id, config => jsonb_set(j.config, '{start_offset}', to_jsonb($2::interval::text))
    ) AS altered
WHERE
    j.proc_name = 'policy_refresh_continuous_aggregate'
    AND format('%I.%I', a.view_schema, a.view_name)::regclass = $1::text::regclass
    AND (j.config ->> 'start_offset')::interval <> $2::interval
