-- Mark open gaps of contracts that expired before a day as lost, and return them: $1 New York day, $2 now.
WITH gap AS (
    UPDATE historical_data_gaps AS hole
    SET state = 'lost', lost_at = $2::timestamptz
    FROM option_chains AS chain
    WHERE chain.id = hole.contract_id AND hole.state = 'open' AND chain.expiration_date < $1::date
    RETURNING hole.*
)
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
    gap.detected_at
FROM gap
LEFT JOIN option_chains AS contract ON contract.id = gap.contract_id
LEFT JOIN underlying_securities AS contract_underlying ON contract_underlying.id = contract.underlying_id
LEFT JOIN underlying_securities AS own_underlying ON own_underlying.id = gap.underlying_id
ORDER BY contract.expiration_date, symbol, contract.contract_symbol, gap.what_to_show, gap.gap_start
