-- Change the age at which a hypertable is compressed, where it differs.
-- $1 name text
-- $2 compress_after interval
SELECT altered.job_id
FROM
    timescaledb_information.jobs AS j,
    LATERAL alter_job(
        j.job_id, config => jsonb_set(j.config, '{compress_after}', to_jsonb($2::interval::text))
    ) AS altered
WHERE
    j.proc_name = 'policy_compression'
    AND format('%I.%I', j.hypertable_schema, j.hypertable_name)::regclass = $1::text::regclass
    AND (j.config ->> 'compress_after')::interval <> $2::interval
