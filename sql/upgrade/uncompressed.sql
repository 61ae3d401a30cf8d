-- Chunks of the store that are old enough to be compressed and are not; of days that have been moved.
-- $1 border timestamptz: they end here at the latest
-- $2 start timestamptz: of the last day that was moved, they begin here at the earliest
SELECT format('%I.%I', chunk_schema, chunk_name) AS chunk
FROM timescaledb_information.chunks
WHERE hypertable_schema = 'store'
    AND NOT is_compressed
    AND range_end <= $1::timestamptz
    AND range_start >= $2::timestamptz
ORDER BY range_start DESC
