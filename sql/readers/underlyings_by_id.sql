-- Underlyings by their ids.
-- $1 underlying_ids integer[]
SELECT id, symbol
FROM underlying_securities
WHERE id = ANY($1::integer[])
ORDER BY id
