-- Adopt the underlyings' bars of a span, and count those of which a series is left out, for no column holds it.
-- Of a slot stored twice the bar that was changed last. has_gaps as the coverage of adopted bars will be: a series is
-- covered where it has a price.
-- $1 start timestamptz
-- $2 end timestamptz
-- $3 series text[]: the ones that are asked for
WITH held AS (
    SELECT name, series, most
    FROM (
        VALUES
            ('TRADES', '{open, high, low, close, vwap}'::text[], 1000000000),
            ('TRADES', '{volume}', 900000000000000),
            ('TRADES', '{bar_count}', 2147483647),
            ('OPTION_IMPLIED_VOLATILITY', '{implied_volatility}', 214748.3647)
    ) AS bound (series, names, most)
    CROSS JOIN unnest(bound.names) AS name
),
kept AS MATERIALIZED (
    SELECT DISTINCT ON (stored.underlying_id, stored.time)
        stored,
        cardinality(beyond.series) > 0
        -- What hangs on a price that is missing.
        OR (known ? 'vwap' AND NOT known ? 'close')
        OR (known ?| '{high, low}' AND NOT known ?| '{open, close}') AS is_unfit
    FROM
        earlier_system.underlying_bars_5min AS earlier,
        LATERAL jsonb_strip_nulls(to_jsonb(earlier)) AS said,
        LATERAL (
            SELECT coalesce(array_agg(held.series), '{}') AS series
            FROM held
            WHERE said ? held.name AND said ->> held.name <> 'NaN' AND abs((said ->> held.name)::numeric) > held.most
        ) AS beyond,
        LATERAL (
            SELECT said - coalesce(array_agg(held.name), '{}') AS known
            FROM held
            WHERE held.series = ANY(beyond.series) OR said ->> held.name = 'NaN'
        ) AS fitting,
        LATERAL jsonb_populate_record(
            NULL::underlying_bars_5min,
            jsonb_build_object('created_at', now(), 'updated_at', now())
            || known
            || jsonb_build_object(
                'flags', 0,
                'has_gaps', NOT array_remove(
                    ARRAY[
                        CASE WHEN known ? 'close' THEN 'TRADES' END,
                        CASE WHEN known ? 'implied_volatility' THEN 'OPTION_IMPLIED_VOLATILITY' END
                    ], NULL
                ) @> $3::text[]
            )
        ) AS adopted,
        LATERAL store.whole(adopted) AS stored
    WHERE earlier.time >= $1::timestamptz AND earlier.time < $2::timestamptz
    ORDER BY stored.underlying_id, stored.time, stored.updated_at DESC
),
added AS (
    INSERT INTO store.underlying_bars_5min
    SELECT (kept.stored).*
    FROM kept
    ON CONFLICT DO NOTHING
    RETURNING underlying_id, time
),
changed AS (
    SELECT -underlying_id AS instrument_id, (time AT TIME ZONE 'UTC')::date AS day
    FROM added
    GROUP BY instrument_id, day
)
SELECT
    (SELECT count(*) FROM kept WHERE is_unfit) AS bars,
    (
        SELECT store.note_changes(
            (SELECT id FROM data_sets WHERE name = 'underlying_bars_5min'), array_agg(instrument_id), array_agg(day)
        )
        FROM changed
    ) AS changes
