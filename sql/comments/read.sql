-- Relations of the collector with their columns, types and comments, and its functions; extensions' are left out.
SELECT
    CASE class.relnamespace WHEN 'public'::regnamespace THEN '' ELSE class.relnamespace::regnamespace || '.' END
    || class.relname AS relation,
    CASE class.relkind WHEN 'v' THEN 'view' ELSE 'table' END AS kind,
    obj_description(class.oid, 'pg_class') AS purpose,
    held.attname AS name,
    format_type(held.atttypid, held.atttypmod) AS type,
    held.attnotnull AS required,
    col_description(class.oid, held.attnum) AS meaning
FROM pg_class AS class
INNER JOIN pg_attribute AS held ON held.attrelid = class.oid AND held.attnum > 0 AND NOT held.attisdropped
WHERE class.relnamespace IN ('public'::regnamespace, to_regnamespace('store'))
    AND class.relkind IN ('r', 'p', 'v')
    AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = class.oid AND d.deptype = 'e')
UNION ALL
SELECT
    routine.oid::regprocedure::text, 'function', obj_description(routine.oid, 'pg_proc'), NULL, NULL, NULL, NULL
FROM pg_proc AS routine
WHERE routine.pronamespace IN ('public'::regnamespace, to_regnamespace('store'))
    AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = routine.oid AND d.deptype = 'e')
