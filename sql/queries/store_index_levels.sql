-- Store 5-minute bars of an index.
-- $1 index_id integer
-- $2 times timestamptz[]: the slots
-- $3 opens bigint[]: ten-thousandths
-- $4 highs bigint[]
-- $5 lows bigint[]
-- $6 closes bigint[]
-- $7 now timestamptz
INSERT INTO store.underlying_bars_5min (
    underlying_id, time, open, up, down, close, has_gaps, created_at, updated_at
)
SELECT
    $1::integer, bar.time, bar.open, bar.high - greatest(bar.open, bar.close), least(bar.open, bar.close) - bar.low,
    bar.close, false, $7::timestamptz, $7::timestamptz
FROM unnest($2::timestamptz[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
    AS bar (time, open, high, low, close)
ON CONFLICT (underlying_id, time) DO UPDATE
SET
    open = excluded.open,
    up = excluded.up,
    down = excluded.down,
    close = excluded.close,
    updated_at = excluded.updated_at
