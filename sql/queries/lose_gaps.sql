-- Mark open gaps of contracts of expirations as lost, and return them.
-- $1 underlying id, $2 expirations, $3 the reason for each, $4 now.
WITH gap AS (
    UPDATE historical_data_gaps AS hole
    SET state = 'lost', lost_at = $4::timestamptz, reason = given.reason
    FROM option_chains AS chain
    INNER JOIN unnest($2::date[], $3::text[]) AS given (expiration, reason) ON given.expiration = chain.expiration_date
    WHERE chain.id = hole.contract_id AND hole.state = 'open' AND chain.underlying_id = $1::integer
    RETURNING hole.*
)
SELECT
    gap.id,
    underlying.symbol,
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
FROM gap
INNER JOIN option_chains AS contract ON contract.id = gap.contract_id
INNER JOIN underlying_securities AS underlying ON underlying.id = contract.underlying_id
ORDER BY contract.expiration_date, symbol, contract.contract_symbol, gap.what_to_show, gap.gap_start
