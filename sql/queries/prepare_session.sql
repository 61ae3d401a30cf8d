-- Begin a session with our settings, and without TimescaleDB's limit on what one repair may decompress, where it has one.
-- $1 names text[]
-- $2 values text[]
SELECT set_config(name, value, false)
FROM unnest($1::text[], $2::text[]) AS ours (name, value)
UNION ALL
SELECT set_config(name, '0', false)
FROM pg_settings
WHERE name = 'timescaledb.max_tuples_decompressed_per_dml_transaction'
