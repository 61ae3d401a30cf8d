-- The continuous aggregates of the collector, and whether they show what is not materialised yet.
SELECT
    view_name AS name,
    NOT materialized_only AS real_time
FROM timescaledb_information.continuous_aggregates
WHERE view_schema = 'store'
