-- Chunks of hypertables and aggregates with the table of their compressed batches: none where there are no chunks.
-- A function that names TimescaleDB's catalogue only when it runs: a view would stand in the way of its upgrades.
CREATE OR REPLACE FUNCTION stored_chunks()
RETURNS TABLE (of_table text, chunk text, created_at timestamptz, compressed boolean, bars bigint, bytes bigint)
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    IF to_regclass('_timescaledb_catalog.chunk') IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT
        coalesce(aggregate.user_view_name, hyper.table_name)::text,
        own.relname::text,
        part.creation_time,
        packed.oid IS NOT NULL,
        -- As they were compressed, or as the planner counts them.
        CASE WHEN packed.oid IS NULL THEN own.reltuples::bigint ELSE size.numrows_pre_compression END,
        pg_total_relation_size(own.oid) + coalesce(pg_total_relation_size(packed.oid), 0)
    FROM _timescaledb_catalog.chunk AS part
    INNER JOIN _timescaledb_catalog.hypertable AS hyper ON hyper.id = part.hypertable_id
    INNER JOIN pg_class AS own ON own.oid = to_regclass(
        quote_ident(part.schema_name) || '.' || quote_ident(part.table_name)
    )
    LEFT JOIN _timescaledb_catalog.continuous_agg AS aggregate ON aggregate.mat_hypertable_id = hyper.id
    LEFT JOIN _timescaledb_catalog.chunk AS batches ON batches.id = part.compressed_chunk_id
    LEFT JOIN pg_class AS packed ON packed.oid = to_regclass(
        quote_ident(batches.schema_name) || '.' || quote_ident(batches.table_name)
    )
    LEFT JOIN _timescaledb_catalog.compression_chunk_size AS size ON size.chunk_id = part.id
    WHERE hyper.schema_name IN ('public', 'store') OR aggregate.user_view_schema = 'store';
END
$$
