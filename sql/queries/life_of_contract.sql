-- Since when a contract is known, and whether it is selected for a session.
-- $1 contract_id integer
-- $2 session_day date
SELECT
    life.first_seen,
    life.selected @> $2::date AS is_selected
FROM option_contract_lifecycle AS life
WHERE life.contract_id = $1::integer
