-- The tables of a schema, partitions not counted, with how many rows the planner believes them to have.
-- $1 schema text
SELECT relname::text AS name, greatest(reltuples, 0)::bigint AS rows
FROM pg_class
WHERE relnamespace = to_regnamespace($1::text) AND relkind IN ('r', 'p') AND NOT relispartition
ORDER BY relname
