-- What bars and summaries take, with indexes, and the whole database; of an archive, what its objects take. In bytes.
-- $1 place text: of the archive, NULL where there is none
WITH parts AS (
    SELECT
        of_table AS name,
        compressed,
        bytes
    FROM stored_chunks()
    UNION ALL
    SELECT
        relname,
        false,
        pg_total_relation_size(oid)
    FROM pg_class
    WHERE relkind = 'r' AND relnamespace IN ('public'::regnamespace, 'store'::regnamespace)
)

SELECT
    pg_database_size(current_database()) AS database,
    coalesce(sum(bytes) FILTER (WHERE name IN (SELECT kind.name FROM data_sets AS kind) AND NOT compressed), 0)::bigint AS raw,
    coalesce(sum(bytes) FILTER (WHERE name IN (SELECT kind.name FROM data_sets AS kind) AND compressed), 0)::bigint
        AS compressed,
    coalesce(sum(bytes) FILTER (WHERE name ~ '_(summary|archive)$'), 0)::bigint AS aggregates,
    (SELECT sum(bytes)::bigint FROM archive_objects WHERE place = $1::text) AS archive
FROM parts
