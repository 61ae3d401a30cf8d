-- Take the schema for readers of an earlier system away, unless they keep something of their own in it.
DO $$
BEGIN
    DROP SCHEMA compat;
EXCEPTION
    WHEN dependent_objects_still_exist THEN
        RAISE EXCEPTION 'the schema compat holds more than the collector made'
            USING ERRCODE = sqlstate, HINT = 'move it away: ALTER TABLE compat.name SET SCHEMA another';
END
$$
