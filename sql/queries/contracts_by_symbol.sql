-- Contracts that bear an OCC symbol now, or bore it under earlier terms; the present bearer first.
-- $1 occ_symbol text: of 21 characters
SELECT id AS contract_id, underlying_id
FROM option_chains
WHERE contract_symbol = $1::text
UNION ALL
SELECT earlier.contract_id, chain.underlying_id
FROM earlier_contract_terms AS earlier
INNER JOIN option_chains AS chain ON chain.id = earlier.contract_id
WHERE earlier.contract_symbol = $1::text
