-- Lift TimescaleDB's limit on the rows that one repair of compressed chunks may touch, where there is such a limit.
SELECT set_config(name, '0', false)
FROM pg_settings
WHERE name = 'timescaledb.max_tuples_decompressed_per_dml_transaction';
