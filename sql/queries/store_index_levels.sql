-- Store 5-minute bars of an index.
-- $1 index_id integer
-- $2 times timestamptz[]: the slots
-- $3 opens bigint[]: ten-thousandths
-- $4 highs bigint[]
-- $5 lows bigint[]
-- $6 closes bigint[]
-- $7 now timestamptz
WITH written AS (
    INSERT INTO store.underlying_bars_5min AS known (
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
    WHERE (known.open, known.up, known.down, known.close)
        IS DISTINCT FROM (excluded.open, excluded.up, excluded.down, excluded.close)
    RETURNING underlying_id, time
)
SELECT
    coalesce(sum(bars), 0)::bigint AS bars,
    store.note_changes((SELECT id FROM data_sets WHERE name = 'underlying_bars_5min'), array_agg(instrument_id), array_agg(day)) AS changes
FROM (
    SELECT -underlying_id AS instrument_id, (time AT TIME ZONE 'UTC')::date AS day, count(*) AS bars
    FROM written
    GROUP BY instrument_id, day
) AS touched
