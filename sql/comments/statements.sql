-- Statements that write the comments which the database lacks or has otherwise; relations that are not there have none.
-- $1 relations text[]: of comments of their own
-- $2 columns text[]: '' for the relation itself
-- $3 comments text[]
-- $4 everywhere text[]: columns that mean the same everywhere
-- $5 meanings text[]
-- $6 functions text[]: with their argument types
-- $7 purposes text[]
WITH own AS (
    SELECT to_regclass(given.relation) AS relation, given.name, given.text
    FROM unnest($1::text[], $2::text[], $3::text[]) AS given (relation, name, text)
),
relation AS (
    SELECT
        class.oid,
        own.text,
        format('%I.%I', class.relnamespace::regnamespace::text, class.relname) AS name,
        CASE class.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END AS kind
    FROM own
    INNER JOIN pg_class AS class ON class.oid = own.relation
    WHERE own.name = ''
)
SELECT format('COMMENT ON %s %s IS %L', kind, name, text) AS statement
FROM relation
WHERE obj_description(oid, 'pg_class') IS DISTINCT FROM text
UNION ALL
SELECT format('COMMENT ON COLUMN %s.%I IS %L', relation.name, held.attname, coalesce(own.text, everywhere.text))
FROM relation
INNER JOIN pg_attribute AS held ON held.attrelid = relation.oid AND held.attnum > 0 AND NOT held.attisdropped
LEFT JOIN own ON own.relation = relation.oid AND own.name = held.attname
LEFT JOIN unnest($4::text[], $5::text[]) AS everywhere (name, text) ON everywhere.name = held.attname
WHERE col_description(relation.oid, held.attnum) IS DISTINCT FROM coalesce(own.text, everywhere.text)
UNION ALL
SELECT format('COMMENT ON FUNCTION %s IS %L', given.name, given.text)
FROM unnest($6::text[], $7::text[]) AS given (name, text)
WHERE to_regprocedure(given.name) IS NOT NULL
    AND obj_description(to_regprocedure(given.name), 'pg_proc') IS DISTINCT FROM given.text
