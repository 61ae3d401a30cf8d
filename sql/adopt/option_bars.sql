-- Adopt the option bars of a span; of a slot stored twice, the one that was changed last.
-- has_gaps as the coverage of adopted bars will be: a series is covered where it has a price.
-- $1 start timestamptz
-- $2 end timestamptz
-- $3 series text[]: the configured ones
-- $4 own_symbols text[]: symbols with series of their own
-- $5 own_series text[]: these, one each; NULL: none at all
INSERT INTO option_bars_5min (
    time, contract_id, open, high, low, close, volume, bar_count, vwap, bid_close, ask_close, implied_volatility, delta,
    gamma, theta, vega, rho, open_interest, collection_run_id, data_source, has_gaps, created_at, updated_at
)
WITH own AS (
    SELECT chain.id AS contract_id, array_remove(array_agg(t.series), NULL) AS series
    FROM unnest($4::text[], $5::text[]) AS t (symbol, series)
    INNER JOIN underlying_securities AS underlying ON underlying.symbol = t.symbol
    INNER JOIN option_chains AS chain ON chain.underlying_id = underlying.id
    GROUP BY chain.id
)
SELECT DISTINCT ON (adopted.contract_id, adopted.time)
    adopted.time, adopted.contract_id, adopted.open, adopted.high, adopted.low, adopted.close, adopted.volume,
    adopted.bar_count, adopted.vwap, adopted.bid_close, adopted.ask_close, adopted.implied_volatility, adopted.delta,
    adopted.gamma, adopted.theta, adopted.vega, adopted.rho, adopted.open_interest, adopted.collection_run_id,
    coalesce(adopted.data_source, CASE WHEN adopted.close IS NULL THEN 'BID_ASK' ELSE 'TRADES' END),
    NOT array_remove(
        ARRAY[
            CASE WHEN adopted.close IS NOT NULL THEN 'TRADES' END,
            CASE WHEN adopted.bid_close IS NOT NULL THEN 'BID' END,
            CASE WHEN adopted.ask_close IS NOT NULL THEN 'ASK' END
        ], NULL
    ) @> coalesce(own.series, $3::text[]),
    adopted.created_at, adopted.updated_at
FROM earlier_system.option_bars_5min AS earlier
CROSS JOIN LATERAL jsonb_populate_record(
    NULL::option_bars_5min,
    jsonb_build_object('created_at', now(), 'updated_at', now()) || jsonb_strip_nulls(to_jsonb(earlier))
) AS adopted
LEFT JOIN own ON own.contract_id = adopted.contract_id
WHERE earlier.time >= $1::timestamptz AND earlier.time < $2::timestamptz
ORDER BY adopted.contract_id, adopted.time, adopted.updated_at DESC
ON CONFLICT DO NOTHING
