-- Keep TimescaleDB's triggers and workers out of a restore.
SELECT timescaledb_pre_restore()
