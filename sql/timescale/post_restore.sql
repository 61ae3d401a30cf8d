-- Let TimescaleDB work again after a restore.
SELECT timescaledb_post_restore()
