-- Contracts by what they are or were called; blanks do not count.
-- $1 contract_symbols text[]: without blanks
SELECT terms.contract_id, chain.underlying_id, replace(terms.contract_symbol, ' ', '') AS name
FROM contract_terms AS terms
INNER JOIN option_chains AS chain ON chain.id = terms.contract_id
WHERE replace(terms.contract_symbol, ' ', '') = ANY($1::text[])
ORDER BY name, terms.until DESC, chain.last_updated DESC
