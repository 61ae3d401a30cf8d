-- Put a day's bars of underlyings from decimals into the store, in its order.
-- $1 start timestamptz
-- $2 end timestamptz
WITH written AS (
    INSERT INTO store.underlying_bars_5min
    SELECT stored.*
    FROM (
        SELECT *
        FROM decimals.fitting_underlying_bars_5min
        WHERE kept AND time >= $1::timestamptz AND time < $2::timestamptz
        ORDER BY underlying_id, time
        OFFSET 0  -- what fits is found once a bar, not wherever it is used
    ) AS bar
    CROSS JOIN LATERAL store.whole(
        ROW(
            bar.time, bar.underlying_id, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.bar_count,
            bar.vwap, bar.implied_volatility, bar.flags, bar.collection_run_id, bar.has_gaps, bar.created_at,
            bar.updated_at
        )::underlying_bars_5min
    ) AS stored
    RETURNING underlying_id
)
SELECT
    coalesce(sum(bars), 0)::bigint AS bars,
    store.note_changes(
        (SELECT id FROM data_sets WHERE name = 'underlying_bars_5min'),
        array_agg(instrument_id),
        array_agg(($1::timestamptz AT TIME ZONE 'UTC')::date)
    ) AS changes
FROM (
    SELECT -underlying_id AS instrument_id, count(*) AS bars
    FROM written
    GROUP BY instrument_id
) AS touched
