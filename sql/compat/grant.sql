-- Let everybody who reads the tables read the schema for readers of an earlier system.
DO $$
DECLARE
    reader text;
BEGIN
    FOREACH reader IN ARRAY ARRAY['collector_ro', 'collector_rw'] LOOP
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = reader) THEN
            EXECUTE format('GRANT USAGE ON SCHEMA compat TO %I', reader);
            EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA compat TO %I', reader);
        END IF;
    END LOOP;
END
$$
