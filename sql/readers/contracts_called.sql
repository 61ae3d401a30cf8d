-- Contracts by what they are or were called, whoever has the symbol now first.
-- $1 contract_symbols text[]: of 21 characters
SELECT found.contract_id, chain.underlying_id, underlying.symbol, found.contract_symbol
FROM (
    SELECT id AS contract_id, contract_symbol, NULL::timestamptz AS until
    FROM option_chains
    WHERE contract_symbol = ANY($1::text[])
    UNION ALL
    SELECT contract_id, contract_symbol, until
    FROM earlier_contract_terms
    WHERE contract_symbol = ANY($1::text[])
) AS found
INNER JOIN option_chains AS chain ON chain.id = found.contract_id
INNER JOIN underlying_securities AS underlying ON underlying.id = chain.underlying_id
ORDER BY found.contract_symbol, found.until DESC, chain.last_updated DESC
