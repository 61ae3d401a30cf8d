-- Make the schema for readers of an earlier system if there is none; one of this name that is somebody else's is left alone.
DO $$
BEGIN
    IF to_regnamespace('compat') IS NULL THEN
        CREATE SCHEMA compat;
        COMMENT ON SCHEMA compat IS 'Made by collector db compat.';
    ELSIF obj_description(to_regnamespace('compat'), 'pg_namespace') IS DISTINCT FROM 'Made by collector db compat.' THEN
        RAISE EXCEPTION 'the schema compat is not the collector''s'
            USING ERRCODE = 'duplicate_schema', HINT = 'rename it: ALTER SCHEMA compat RENAME TO another';
    END IF;
END
$$
