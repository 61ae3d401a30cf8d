-- One underlying's bars of a day as they are stored, by time; for COPY.
-- $1 underlying_id integer
-- $2 start timestamptz
-- $3 end timestamptz
SELECT
    bar.time,
    bar.underlying_id,
    bar.open,
    bar.up,
    bar.down,
    bar.close,
    bar.vwap_off,
    bar.volume,
    bar.bar_count,
    bar.{column},
    bar.collection_run_id,
    bar.created_at,
    bar.updated_at,
    bar.flags,
    bar.has_gaps
FROM store.{bars} AS bar
WHERE bar.underlying_id = $1::integer AND bar.time >= $2::timestamptz AND bar.time < $3::timestamptz
ORDER BY bar.time
