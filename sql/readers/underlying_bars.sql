-- Bars of an underlying in a span, as floating-point numbers.
-- $1 underlying_id integer
-- $2 span_start timestamptz
-- $3 span_end timestamptz
SELECT {columns}
FROM (
    SELECT
        time,
        underlying_id,
        open::float8 AS open,
        high::float8 AS high,
        low::float8 AS low,
        close::float8 AS close,
        volume::float8 AS volume,
        bar_count,
        vwap::float8 AS vwap,
        {column}::float8 AS {column},
        flags,
        collection_run_id,
        has_gaps,
        created_at,
        updated_at
    FROM {bars}
) AS bar
WHERE underlying_id = $1::integer AND time >= $2::timestamptz AND time < $3::timestamptz
