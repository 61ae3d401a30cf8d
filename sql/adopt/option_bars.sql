-- Adopt the option bars of a span; of a slot stored twice, the one that was changed last.
-- has_gaps as the coverage of adopted bars will be: a series is covered where it has a price.
-- $1 start timestamptz
-- $2 end timestamptz
-- $3 series text[]: the configured ones
-- $4 own_symbols text[]: symbols with series of their own
-- $5 own_series text[]: these, one each; NULL: none at all
INSERT INTO store.option_bars_5min
WITH own AS (
    SELECT chain.id AS contract_id, array_remove(array_agg(t.series), NULL) AS series
    FROM unnest($4::text[], $5::text[]) AS t (symbol, series)
    INNER JOIN underlying_securities AS underlying ON underlying.symbol = t.symbol
    INNER JOIN option_chains AS chain ON chain.underlying_id = underlying.id
    GROUP BY chain.id
)
SELECT DISTINCT ON (stored.contract_id, stored.time) stored.*
FROM
    earlier_system.option_bars_5min AS earlier
    LEFT JOIN own ON own.contract_id = earlier.contract_id,
    LATERAL jsonb_strip_nulls(to_jsonb(earlier)) AS known,
    LATERAL jsonb_populate_record(
        NULL::option_bars_5min,
        jsonb_build_object('created_at', now(), 'updated_at', now())
        || known
        || jsonb_build_object(
            -- What the earlier system meant by these is not known.
            'flags', 0, 'greeks_version', NULL, 'greeks_reason', NULL,
            'has_gaps', NOT array_remove(
                ARRAY[
                    CASE WHEN known ? 'close' THEN 'TRADES' END,
                    CASE WHEN known ? 'bid_close' THEN 'BID' END,
                    CASE WHEN known ? 'ask_close' THEN 'ASK' END
                ], NULL
            ) @> coalesce(own.series, $3::text[])
        )
    ) AS adopted,
    LATERAL store.whole(adopted) AS stored
WHERE earlier.time >= $1::timestamptz AND earlier.time < $2::timestamptz
ORDER BY stored.contract_id, stored.time, stored.updated_at DESC
ON CONFLICT DO NOTHING
