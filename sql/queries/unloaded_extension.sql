-- The version of TimescaleDB that this database has while its server does not load it; no row where all is well.
SELECT extversion
FROM pg_extension
WHERE extname = 'timescaledb'
    -- Only the loader defines it, so an ordinary user, who may not read the list of libraries, sees it, too.
    AND NOT EXISTS (SELECT FROM pg_settings WHERE name = 'timescaledb.max_background_workers')
