-- Adopt the 5-minute bars of underlyings among the rows of a New York day, and count by its reason what is no such bar.
-- No row says how long its bar is; an underlying's rows of one kind do, together: bars of 5 minutes all lie on that grid,
-- and most of them follow one another by 5 minutes. Bars of a day, or of half an hour, lie on the grid as well, but
-- further apart; bars of a minute lie beside it.
-- $1 day date
-- $2 symbols text[]: the ones that trade on that day
-- $3 opens timestamptz[]: of their sessions
-- $4 closes timestamptz[]
-- $5 series text[]: the ones that are asked for
WITH tick AS (
    SELECT
        earlier.time,
        earlier.underlying_id,
        coalesce(said ->> 'tick_type', '') AS kind,
        coalesce((said ->> 'created_at')::timestamptz, now()) AS created_at,
        (said ->> 'open_price')::numeric AS open,
        (said ->> 'high_price')::numeric AS high,
        (said ->> 'low_price')::numeric AS low,
        (said ->> 'close_price')::numeric AS close,
        (said ->> 'volume')::numeric AS volume,
        nullif((said ->> 'vwap')::numeric, 'NaN') AS vwap,
        num_nulls(said ->> 'open_price', said ->> 'high_price', said ->> 'low_price', said ->> 'close_price') = 0 AS is_bar
    FROM earlier_system.stock_data_ticks AS earlier, LATERAL to_jsonb(earlier) AS said
    WHERE
        earlier.time >= $1::date::timestamp AT TIME ZONE 'America/New_York'
        AND earlier.time < ($1::date + 1)::timestamp AT TIME ZONE 'America/New_York'
),
sized AS (
    SELECT
        underlying_id,
        kind,
        bool_and(date_bin('5 minutes', time, '2000-01-01 00:00Z') = time) AS is_on_grid,
        percentile_disc(0.5) WITHIN GROUP (ORDER BY distance) FILTER (WHERE distance > '0') AS usual_distance
    FROM (
        SELECT tick.*, time - lag(time) OVER (PARTITION BY underlying_id, kind ORDER BY time) AS distance
        FROM tick
        WHERE is_bar
    ) AS bar
    GROUP BY underlying_id, kind
),
judged AS MATERIALIZED (
    SELECT
        tick.*,
        CASE
            WHEN NOT tick.is_bar THEN 'no_bar'
            WHEN NOT sized.is_on_grid THEN 'off_grid'
            WHEN sized.usual_distance IS DISTINCT FROM INTERVAL '5 minutes' THEN 'other_size'
            WHEN session.opens_at IS NULL OR tick.time < session.opens_at OR tick.time >= session.closes_at
                THEN 'outside_session'
            -- NaN is greater than every number. A price below the last decimal would be kept as 0.
            WHEN
                least(tick.open, tick.high, tick.low, tick.close, tick.vwap) < 0.0001
                OR greatest(tick.open, tick.high, tick.low, tick.close, tick.vwap) > 1000000000
                OR tick.high < greatest(tick.open, tick.close)
                OR tick.low > least(tick.open, tick.close)
                OR tick.volume NOT BETWEEN 0 AND 900000000000000
                THEN 'impossible'
        END AS reason
    FROM tick
    LEFT JOIN sized ON sized.underlying_id = tick.underlying_id AND sized.kind = tick.kind
    LEFT JOIN underlying_securities AS underlying ON underlying.id = tick.underlying_id
    LEFT JOIN unnest($2::text[], $3::timestamptz[], $4::timestamptz[]) AS session (symbol, opens_at, closes_at)
        ON session.symbol = underlying.symbol
),
chosen AS MATERIALIZED (
    SELECT DISTINCT ON (underlying_id, time) *
    FROM judged
    WHERE reason IS NULL
    ORDER BY underlying_id, time, created_at DESC
),
added AS (
    INSERT INTO store.underlying_bars_5min
    SELECT stored.*
    FROM
        chosen,
        LATERAL jsonb_populate_record(
            NULL::underlying_bars_5min,
            jsonb_build_object(
                'time', chosen.time, 'underlying_id', chosen.underlying_id, 'open', chosen.open, 'high', chosen.high,
                'low', chosen.low, 'close', chosen.close, 'volume', chosen.volume, 'vwap', chosen.vwap, 'flags', 0,
                'has_gaps', NOT ARRAY['TRADES'] @> $5::text[], 'created_at', chosen.created_at,
                'updated_at', chosen.created_at
            )
        ) AS adopted,
        LATERAL store.whole(adopted) AS stored
    ON CONFLICT DO NOTHING
    RETURNING underlying_id, time
),
noted AS (
    SELECT
        store.note_changes(
            (SELECT id FROM data_sets WHERE name = 'underlying_bars_5min'),
            array_agg(-underlying_id),
            array_agg((time AT TIME ZONE 'UTC')::date)
        ) AS changes
    FROM added
)
SELECT reason, count(*) AS rows, NULL::bigint AS changes
FROM judged
WHERE reason IS NOT NULL
GROUP BY reason
UNION ALL
SELECT 'duplicate' AS reason, count(*) - (SELECT count(*) FROM chosen) AS rows, (SELECT changes FROM noted) AS changes
FROM judged
WHERE reason IS NULL
