-- The underlying's prices in a span, ascending.
-- $1 underlying_id integer
-- $2 session_open timestamptz
-- $3 session_close timestamptz
SELECT
    time,
    extract(EPOCH FROM time)::bigint AS epoch,
    low::double precision AS low,
    high::double precision AS high,
    close::double precision AS close,
    flags
FROM underlying_bars_5min
WHERE underlying_id = $1::integer
    AND time >= $2::timestamptz
    AND time < $3::timestamptz
    AND close IS NOT NULL
ORDER BY time
