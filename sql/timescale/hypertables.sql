-- The hypertables of the collector, whether they are compressed, and how many chunks they have and have compressed.
SELECT
    hypertable_name AS name,
    compression_enabled AS columnstore,
    num_chunks::int AS chunks,
    (
        SELECT count(*)::int
        FROM timescaledb_information.chunks AS c
        WHERE c.hypertable_name = h.hypertable_name AND c.is_compressed
    ) AS compressed_chunks
FROM timescaledb_information.hypertables AS h
WHERE hypertable_schema = 'public'
