-- Contracts by their ids.
-- $1 contract_ids integer[]
SELECT id AS contract_id, underlying_id
FROM option_chains
WHERE id = ANY($1::integer[])
ORDER BY id
