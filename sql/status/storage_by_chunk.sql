-- The last forty chunks of the bars (where there are chunks): rows as the planner counts them, disk, bytes a row.
-- A compressed chunk shows next to nothing here: its rows live in a table of compressed batches, listed as well.
SELECT
    parent.relname AS "table",
    chunk.relname AS chunk,
    chunk.reltuples::bigint AS rows,
    pg_size_pretty(pg_total_relation_size(chunk.oid)) AS size,
    round(pg_total_relation_size(chunk.oid) / nullif(chunk.reltuples, 0)) AS bytes_per_row
FROM pg_inherits AS link
INNER JOIN pg_class AS chunk ON chunk.oid = link.inhrelid
INNER JOIN pg_class AS parent ON parent.oid = link.inhparent
WHERE parent.relname IN ('option_bars_5min', 'underlying_bars_5min') OR parent.relname LIKE '\_compressed%'
ORDER BY chunk.oid DESC
LIMIT 40;
