-- The hypertables of the collector, whether they are compressed, and how many chunks they have and have compressed.
SELECT
    CASE hypertable_schema WHEN 'public' THEN '' ELSE hypertable_schema || '.' END || hypertable_name AS name,
    compression_enabled AS columnstore,
    num_chunks::int AS chunks,
    (
        SELECT count(*)::int
        FROM timescaledb_information.chunks AS c
        WHERE c.hypertable_schema = h.hypertable_schema AND c.hypertable_name = h.hypertable_name AND c.is_compressed
    ) AS compressed_chunks
FROM timescaledb_information.hypertables AS h
WHERE hypertable_schema IN ('public', 'store')
