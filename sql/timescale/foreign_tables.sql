-- How many tables stand where the collector's do; a backup is restored into none.
SELECT count(*)::int AS tables
FROM pg_class
WHERE relnamespace IN ('public'::regnamespace, to_regnamespace('store')) AND relkind IN ('r', 'p', 'v', 'm')
    AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = pg_class.oid AND d.deptype = 'e')
