-- Adopt the underlyings' bars of a span; of a slot stored twice, the one that was changed last.
-- has_gaps as the coverage of adopted bars will be: a series is covered where it has a price.
-- $1 start timestamptz
-- $2 end timestamptz
-- $3 series text[]: the ones that are asked for
INSERT INTO store.underlying_bars_5min
SELECT DISTINCT ON (stored.underlying_id, stored.time) stored.*
FROM
    earlier_system.underlying_bars_5min AS earlier,
    LATERAL jsonb_strip_nulls(to_jsonb(earlier)) AS known,
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
ON CONFLICT DO NOTHING
