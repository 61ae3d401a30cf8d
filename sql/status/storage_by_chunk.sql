-- The last sixty chunks of the bars (where there are chunks): rows, disk with compressed batches and indexes, bytes a row.
SELECT
    of_table AS "table",
    chunk,
    compressed,
    bars AS rows,
    pg_size_pretty(bytes) AS size,
    round(bytes / nullif(bars, 0)::numeric, 1) AS bytes_per_row
FROM stored_chunks()
WHERE of_table LIKE '%\_bars\_%'
ORDER BY created_at DESC, chunk DESC
LIMIT 60;
