-- Compressed chunks: how many rows and batches each has, how many rows a batch may hold, whether rows came later, sizes.
SELECT
    h.table_name::text AS hypertable,
    format('%I.%I', c.schema_name, c.table_name) AS chunk,
    range.range_start,
    c.status & 10 <> 0 AS touched,
    ((xpath('//batches/text()', counted.x))[1]::text)::bigint AS batches,
    ((xpath('//rows/text()', counted.x))[1]::text)::bigint AS rows,
    pg_total_relation_size(format('%I.%I', c.schema_name, c.table_name)::regclass)
    + pg_total_relation_size(format('%I.%I', packed.schema_name, packed.table_name)::regclass) AS bytes,
    CASE
        WHEN EXISTS (SELECT FROM pg_settings WHERE name = 'timescaledb.compression_batch_size_limit') THEN 2000
        ELSE 1000
    END AS batch_rows
FROM _timescaledb_catalog.chunk AS c
INNER JOIN _timescaledb_catalog.hypertable AS h ON h.id = c.hypertable_id
INNER JOIN _timescaledb_catalog.chunk AS packed ON packed.id = c.compressed_chunk_id
INNER JOIN timescaledb_information.chunks AS range
    ON range.chunk_schema = c.schema_name AND range.chunk_name = c.table_name,
    LATERAL query_to_xml(
        format(
            'SELECT count(*) AS batches, coalesce(sum(_ts_meta_count), 0) AS rows FROM %I.%I',
            packed.schema_name, packed.table_name
        ), true, false, ''
    ) AS counted (x)
WHERE h.schema_name IN ('public', 'store')
ORDER BY range.range_start
