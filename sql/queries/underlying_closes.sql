-- The underlying's prices in a span, ascending.
-- $1 underlying_id integer
-- $2 session_open timestamptz
-- $3 session_close timestamptz
SELECT
    time,
    extract(EPOCH FROM time)::bigint AS epoch,
    (least(open, close) - down) / 10000.0::double precision AS low,
    (greatest(open, close) + up) / 10000.0::double precision AS high,
    close / 10000.0::double precision AS close,
    flags
FROM store.underlying_bars_5min
WHERE underlying_id = $1::integer
    AND time >= $2::timestamptz
    AND time < $3::timestamptz
    AND close IS NOT NULL
ORDER BY time
