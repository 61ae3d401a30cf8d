-- Open gaps, the first to expire first: $1 symbols (NULL: all), $2 not before (NULL: all).
SELECT
    gap.id,
    coalesce(contract_underlying.symbol, own_underlying.symbol) AS symbol,
    gap.contract_id,
    contract.contract_symbol,
    contract.expiration_date,
    gap.underlying_id,
    gap.what_to_show,
    gap.state,
    tstzrange(gap.gap_start, gap.gap_end) AS span,
    gap.gap_type,
    gap.detected_at,
    gap.reason
FROM historical_data_gaps AS gap
LEFT JOIN option_chains AS contract ON contract.id = gap.contract_id
LEFT JOIN underlying_securities AS contract_underlying ON contract_underlying.id = contract.underlying_id
LEFT JOIN underlying_securities AS own_underlying ON own_underlying.id = gap.underlying_id
WHERE gap.state = 'open'
    AND ($1::text[] IS NULL OR coalesce(contract_underlying.symbol, own_underlying.symbol) = ANY($1::text[]))
    AND ($2::timestamptz IS NULL OR gap.gap_end > $2::timestamptz)
ORDER BY contract.expiration_date NULLS LAST, symbol, contract.contract_symbol, gap.what_to_show, gap.gap_start
