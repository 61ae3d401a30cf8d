-- Store 5-minute bars of an index.
-- $1 index_id integer
-- $2 times timestamptz[]: the slots
-- $3 opens numeric[]
-- $4 highs numeric[]
-- $5 lows numeric[]
-- $6 closes numeric[]
-- $7 now timestamptz
INSERT INTO underlying_bars_5min (
    underlying_id, time, open, high, low, close, has_gaps, created_at, updated_at
)
SELECT $1::integer, bar.time, bar.open, bar.high, bar.low, bar.close, false, $7::timestamptz, $7::timestamptz
FROM unnest($2::timestamptz[], $3::numeric[], $4::numeric[], $5::numeric[], $6::numeric[])
    AS bar (time, open, high, low, close)
ON CONFLICT (underlying_id, time) DO UPDATE
SET
    open = excluded.open,
    high = excluded.high,
    low = excluded.low,
    close = excluded.close,
    updated_at = excluded.updated_at
