-- Adopt the underlyings' bars of a span; of a slot stored twice, the one that was changed last.
-- has_gaps as the coverage of adopted bars will be: a series is covered where it has a price.
-- $1 start timestamptz
-- $2 end timestamptz
-- $3 series text[]: the ones that are asked for
INSERT INTO underlying_bars_5min (
    time, underlying_id, open, high, low, close, volume, bar_count, vwap, implied_volatility, flags,
    collection_run_id, has_gaps, created_at, updated_at
)
SELECT DISTINCT ON (adopted.underlying_id, adopted.time)
    adopted.time, adopted.underlying_id, adopted.open, adopted.high, adopted.low, adopted.close, adopted.volume,
    adopted.bar_count, adopted.vwap, adopted.implied_volatility, adopted.flags, adopted.collection_run_id,
    NOT array_remove(
        ARRAY[
            CASE WHEN adopted.close IS NOT NULL THEN 'TRADES' END,
            CASE WHEN adopted.implied_volatility IS NOT NULL THEN 'OPTION_IMPLIED_VOLATILITY' END
        ], NULL
    ) @> $3::text[],
    adopted.created_at, adopted.updated_at
FROM
    earlier_system.underlying_bars_5min AS earlier,
    LATERAL jsonb_populate_record(
        NULL::underlying_bars_5min,
        jsonb_build_object('created_at', now(), 'updated_at', now())
        || jsonb_strip_nulls(to_jsonb(earlier))
        || jsonb_build_object('flags', 0)
    ) AS adopted
WHERE earlier.time >= $1::timestamptz AND earlier.time < $2::timestamptz
ORDER BY adopted.underlying_id, adopted.time, adopted.updated_at DESC
ON CONFLICT DO NOTHING
