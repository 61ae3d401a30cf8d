-- Compress the aggregates as the bars are: one segment, ordered by contract or underlying.
DO $$
DECLARE
    aggregate record;
BEGIN
    FOR aggregate IN
        SELECT *
        FROM (
            VALUES
                ('hourly_option_summary', 'contract_id, hour'),
                ('daily_option_summary', 'contract_id, day'),
                ('underlying_intraday_summary', 'underlying_id, time')
        ) AS wanted (name, ordered_by)
        INNER JOIN timescaledb_information.continuous_aggregates AS a
            ON a.view_schema = 'store' AND a.view_name = wanted.name
        WHERE NOT a.compression_enabled
    LOOP
        EXECUTE format(
            'ALTER MATERIALIZED VIEW store.%I SET (timescaledb.enable_columnstore, timescaledb.segmentby = '''','
            ' timescaledb.orderby = %L)',
            aggregate.name, aggregate.ordered_by
        );
    END LOOP;
END
$$
