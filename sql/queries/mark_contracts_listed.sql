-- Note that IB lists contracts on a day.
-- $1 contract_ids integer[]
-- $2 today date: in New York
INSERT INTO option_contract_lifecycle (contract_id, first_seen, listed_since, last_seen)
SELECT contract_id, $2::date, $2::date, $2::date
FROM unnest($1::integer[]) AS contract_id
ON CONFLICT (contract_id) DO UPDATE
SET
    first_seen = least(option_contract_lifecycle.first_seen, excluded.first_seen),
    listed_since = least(option_contract_lifecycle.listed_since, excluded.listed_since),
    last_seen = greatest(option_contract_lifecycle.last_seen, excluded.last_seen),
    status = 'listed'
