-- Move the tables and views of an earlier system into the schema earlier_system, as they are; nothing is dropped.
DO $$
DECLARE
    found record;
BEGIN
    IF to_regnamespace('earlier_system') IS NULL THEN
        CREATE SCHEMA earlier_system;
    END IF;
    FOR found IN
        SELECT c.oid::regclass AS relation, c.relkind
        FROM pg_class AS c
        WHERE
            c.relnamespace = 'public'::regnamespace
            AND c.relkind IN ('r', 'p', 'v', 'm')
            AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = c.oid AND d.deptype = 'e')
    LOOP
        EXECUTE format(
            CASE found.relkind
                WHEN 'v' THEN 'ALTER VIEW %s SET SCHEMA earlier_system'
                WHEN 'm' THEN 'ALTER MATERIALIZED VIEW %s SET SCHEMA earlier_system'
                ELSE 'ALTER TABLE %s SET SCHEMA earlier_system'
            END,
            found.relation
        );
    END LOOP;
END
$$
