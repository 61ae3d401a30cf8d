-- Disk by table, chunks and indexes included.
SELECT
    parent.relname AS "table",
    count(child.inhrelid) AS chunks,
    pg_size_pretty(
        pg_total_relation_size(parent.oid) + coalesce(sum(pg_total_relation_size(child.inhrelid)), 0)
    ) AS rows_and_indexes,
    pg_size_pretty(pg_database_size(current_database())) AS whole_database
FROM pg_class AS parent
LEFT JOIN pg_inherits AS child ON child.inhparent = parent.oid
WHERE parent.relnamespace = 'public'::regnamespace AND parent.relkind IN ('r', 'p', 'm')
GROUP BY parent.oid, parent.relname
ORDER BY pg_total_relation_size(parent.oid) + coalesce(sum(pg_total_relation_size(child.inhrelid)), 0) DESC;
