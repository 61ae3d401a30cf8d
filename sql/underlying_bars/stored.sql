-- The stored bars of an underlying in whole numbers: ten-thousandths of a USD and of a share.
-- $1 underlying_id integer
-- $2 span_start timestamptz
-- $3 span_end timestamptz
SELECT
    time,
    open,
    greatest(open, close) + up AS high,
    least(open, close) - down AS low,
    close,
    volume,
    bar_count,
    close + vwap_off AS vwap,
    {column},
    flags,
    has_gaps,
    collection_run_id,
    created_at,
    updated_at
FROM store.{bars}
WHERE underlying_id = $1::integer
    AND time >= $2::timestamptz
    AND time < $3::timestamptz
ORDER BY time
