-- Contracts by their ids.
-- $1 contract_ids integer[]
SELECT chain.id AS contract_id, chain.underlying_id, underlying.symbol
FROM option_chains AS chain
INNER JOIN underlying_securities AS underlying ON underlying.id = chain.underlying_id
WHERE chain.id = ANY($1::integer[])
