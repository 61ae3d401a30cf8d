-- Two roles to grant to logins: collector_rw collects (reads all, adds and changes rows), collector_ro reads.
-- Neither may delete bars, change tables or drop anything: the days and requests that are old enough are dropped, and
-- repaired days compressed afresh, by functions that have their owner's rights. Upgrades are the owner's.
DO $$
DECLARE
    wanted text;
BEGIN
    -- Whoever may not grant what he has is only warned by the server, and nothing comes of it.
    IF NOT (SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = 'public.operator_actions'::regclass) THEN
        RAISE EXCEPTION 'must be owner of the tables' USING ERRCODE = 'insufficient_privilege';
    END IF;
    FOREACH wanted IN ARRAY ARRAY['collector_ro', 'collector_rw'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        END IF;
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), wanted);
    END LOOP;
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO collector_rw', current_database());
END
$$;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;

GRANT USAGE ON SCHEMA public, store TO collector_ro, collector_rw;

GRANT SELECT ON ALL TABLES IN SCHEMA public, store TO collector_ro, collector_rw;

DO $$
DECLARE
    written text;
BEGIN
    FOREACH written IN ARRAY ARRAY[
        'underlying_securities', 'expiration_refreshes', 'option_chains', 'option_contract_lifecycle',
        'bar_revisions', 'adjustment_revisions', 'request_coverage',
        'intraday_collection_runs', 'daily_collection_status', 'historical_data_gaps', 'collection_statistics',
        'dead_letters', 'greeks_parameters', 'expiration_carry', 'announced_dividends', 'quarantined_bars',
        'option_open_interest', 'negative_claims', 'session_evidence', 'requests', 'earlier_source_ids',
        'underlying_selections', 'earlier_contract_terms', 'suspected_closures',
        'session_changes', 'archive_objects', 'archived_sessions'
    ] LOOP
        EXECUTE format('GRANT INSERT, UPDATE ON %s TO collector_rw', written::regclass);
    END LOOP;
    FOR written IN SELECT 'store.' || tablename FROM pg_tables WHERE schemaname = 'store' LOOP
        EXECUTE format('GRANT INSERT, UPDATE ON %s TO collector_rw', written::regclass);
    END LOOP;
END
$$;

-- An act is put on record under the server's own number and name of the login, and ended.
REVOKE INSERT, UPDATE ON operator_actions FROM collector_rw;

GRANT INSERT (began_at, os_user, host, command, reason, origin), UPDATE (ended_at, outcome, message, run_id)
ON operator_actions TO collector_rw;

-- Whoever may write the key of the collection lock may collect, and keep others from it.
REVOKE ALL ON store.collection_lock FROM collector_ro;

-- A claim goes when it is settled or forgotten; what it was about stays in the coverage. A gap goes when it is none: when
-- a second witness is waited for, or nothing is expected there any more. Statistics go with a session that was none.
GRANT DELETE ON negative_claims, historical_data_gaps, collection_statistics, suspected_closures TO collector_rw;

-- An object that another one replaces leaves the manifest with its sessions.
GRANT DELETE ON archive_objects, archived_sessions TO collector_rw;

GRANT EXECUTE ON FUNCTION
store.drop_day(smallint, date, integer[], bigint[], text[]), store.drop_requests(timestamptz),
store.compress_again(regclass) TO collector_rw;

ALTER DEFAULT PRIVILEGES IN SCHEMA public, store GRANT SELECT ON TABLES TO collector_ro, collector_rw;

-- The service backs the database up, and a dump holds where the sequences stand.
GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO collector_rw;

ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON SEQUENCES TO collector_rw;

DO $$
DECLARE
    aside text;
BEGIN
    FOR aside IN SELECT nspname FROM pg_namespace WHERE nspname IN ('earlier_system', 'decimals') LOOP
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO collector_rw', aside);
        EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO collector_rw', aside);
        EXECUTE format('GRANT SELECT ON ALL SEQUENCES IN SCHEMA %I TO collector_rw', aside);
    END LOOP;
END
$$;

DO $$
BEGIN
    IF obj_description(to_regnamespace('compat'), 'pg_namespace') = 'Made by collector db compat.' THEN
        GRANT USAGE ON SCHEMA compat TO collector_ro, collector_rw;
        GRANT SELECT ON ALL TABLES IN SCHEMA compat TO collector_ro, collector_rw;
    END IF;
END
$$;
