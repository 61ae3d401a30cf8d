-- Gaps of a state, the first to expire first.
-- $1 state text
-- $2 symbols text[]: NULL is all
-- $3 since timestamptz: only what ends later; NULL is all
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
WHERE gap.state = $1::text
    AND ($2::text[] IS NULL OR coalesce(contract_underlying.symbol, own_underlying.symbol) = ANY($2::text[]))
    AND ($3::timestamptz IS NULL OR gap.gap_end > $3::timestamptz)
ORDER BY contract.expiration_date NULLS LAST, symbol, contract.contract_symbol, gap.what_to_show, gap.gap_start
