-- The background jobs of the collector's tables, with what they act on, and how their last run ended.
SELECT
    j.job_id,
    j.proc_name AS policy,
    coalesce(
        a.view_name,
        CASE j.hypertable_schema WHEN 'public' THEN '' ELSE j.hypertable_schema || '.' END || j.hypertable_name
    ) AS name,
    j.config::text AS config,
    s.last_run_status,
    s.total_failures
FROM timescaledb_information.jobs AS j
LEFT JOIN timescaledb_information.continuous_aggregates AS a
    ON j.hypertable_name IN (a.view_name, a.materialization_hypertable_name)
LEFT JOIN timescaledb_information.job_stats AS s ON s.job_id = j.job_id
WHERE j.proc_name IN ('policy_compression', 'policy_refresh_continuous_aggregate', 'policy_retention')
ORDER BY j.job_id
