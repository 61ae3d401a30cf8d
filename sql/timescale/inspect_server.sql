-- What the server is, and what it has of TimescaleDB; works on any PostgreSQL.
SELECT
    split_part(current_setting('server_version'), ' ', 1) AS server,
    current_setting('server_version_num')::int AS server_number,
    (SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb') AS offered,
    (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb') AS installed,
    -- Only the loader defines it, so an ordinary user, who may not read the list of libraries, sees it too.
    EXISTS (SELECT FROM pg_settings WHERE name = 'timescaledb.max_background_workers') AS preloaded,
    current_setting('timescaledb.license', true) AS license,
    coalesce(current_setting('timescaledb.max_background_workers', true), '0')::int AS workers,
    coalesce(
        (SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass('public.option_chains')), true
    ) AS owner,
    has_database_privilege(current_database(), 'CREATE') AND has_schema_privilege('public', 'CREATE') AS may_create
