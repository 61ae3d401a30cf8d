-- Compressed chunks whose sizes the catalogue keeps under batches that are gone: a dump that holds such a row breaks off
-- when it is restored. Those of an earlier system are its own.
SELECT format('%I.%I', c.schema_name, c.table_name) AS chunk
FROM _timescaledb_catalog.compression_chunk_size AS size
INNER JOIN _timescaledb_catalog.chunk AS c ON c.id = size.chunk_id
INNER JOIN _timescaledb_catalog.hypertable AS h ON h.id = c.hypertable_id
WHERE h.schema_name = 'store'
    AND NOT EXISTS (SELECT FROM _timescaledb_catalog.chunk AS packed WHERE packed.id = size.compressed_chunk_id)
