-- How many contracts of an underlying are selected for some sessions, counted once for each.
-- $1 underlying_id integer: whose contracts
-- $2 days date[]: of the sessions
SELECT count(*)
FROM option_chains AS chain
INNER JOIN option_contract_lifecycle AS life ON life.contract_id = chain.id
INNER JOIN unnest($2::date[]) AS session (day) ON life.selected @> session.day
WHERE chain.underlying_id = $1::integer AND chain.expiration_date >= (SELECT min(day) FROM unnest($2::date[]) AS day)
