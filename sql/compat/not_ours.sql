-- Name what somebody else made in the schema for readers of an earlier system, or upon it: it would go with it.
-- $1 parts text[]: names of what we make there
WITH within AS (
    SELECT 'pg_class'::regclass AS kind, pg_class.oid, relname AS name
    FROM pg_class
    WHERE relnamespace = to_regnamespace('compat') AND relkind IN ('r', 'p', 'f', 'v', 'm', 'S')
    UNION ALL
    SELECT 'pg_proc'::regclass, pg_proc.oid, proname
    FROM pg_proc
    WHERE pronamespace = to_regnamespace('compat')
    UNION ALL
    SELECT 'pg_type'::regclass, pg_type.oid, typname
    FROM pg_type
    WHERE typnamespace = to_regnamespace('compat') AND typtype IN ('d', 'e', 'r')
)

SELECT pg_describe_object(within.kind, within.oid, 0) AS what
FROM within
WHERE within.name <> ALL($1::text[])
UNION
SELECT pg_describe_object('pg_class'::regclass, pg_rewrite.ev_class, 0)
FROM within
INNER JOIN pg_depend ON pg_depend.refclassid = within.kind AND pg_depend.refobjid = within.oid
INNER JOIN pg_rewrite ON pg_depend.classid = 'pg_rewrite'::regclass AND pg_rewrite.oid = pg_depend.objid
WHERE pg_rewrite.ev_class NOT IN (SELECT oid FROM within)
UNION
SELECT pg_describe_object(pg_depend.classid, pg_depend.objid, 0)
FROM within
INNER JOIN pg_depend ON pg_depend.refclassid = within.kind AND pg_depend.refobjid = within.oid AND pg_depend.deptype = 'n'
WHERE pg_depend.classid IN ('pg_class'::regclass, 'pg_proc'::regclass)
    AND pg_depend.objid NOT IN (SELECT oid FROM within)
ORDER BY what
