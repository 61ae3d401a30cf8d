-- Disk by table and aggregate, with chunks, compressed batches and indexes.
WITH chunked AS (
    SELECT
        of_table,
        count(*) AS chunks,
        count(*) FILTER (WHERE compressed) AS compressed,
        sum(bytes) AS bytes
    FROM stored_chunks()
    GROUP BY of_table
),
sized AS (
    SELECT
        stored.relname,
        coalesce(chunked.chunks, 0) AS chunks,
        coalesce(chunked.compressed, 0) AS compressed,
        pg_total_relation_size(stored.oid) + coalesce(chunked.bytes, 0) AS bytes
    FROM pg_class AS stored
    LEFT JOIN chunked ON chunked.of_table = stored.relname
    WHERE
        stored.relnamespace IN ('public'::regnamespace, 'store'::regnamespace)
        -- An aggregate is a view; the one of its name that shows its decimals takes no room.
        AND (
            stored.relkind IN ('r', 'p', 'm')
            OR (stored.relnamespace = 'store'::regnamespace AND chunked.of_table IS NOT NULL)
        )
)
SELECT
    relname AS "table",
    chunks,
    compressed,
    pg_size_pretty(bytes) AS rows_and_indexes,
    (SELECT pg_size_pretty(pg_database_size(current_database()))) AS whole_database
FROM sized
ORDER BY bytes DESC;
