-- Select contracts from a session to their expiration; touches newly selected ones only.
-- $1 contract_ids integer[]
-- $2 session_day date
UPDATE option_contract_lifecycle AS life
SET selected = life.selected + datemultirange(daterange($2::date, contract.expiration_date, '[]'))
FROM option_chains AS contract
WHERE contract.id = life.contract_id
    AND life.contract_id = ANY($1::integer[])
    AND contract.expiration_date >= $2::date
    AND NOT life.selected @> daterange($2::date, contract.expiration_date, '[]')
