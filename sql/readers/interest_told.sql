-- When open interest was told last, by contract and session.
-- $1 first_id integer: of the contracts
-- $2 last_id integer
-- $3 days date[]: of the sessions
SELECT contract_id, day, asked_at
FROM option_open_interest
WHERE contract_id >= $1::integer AND contract_id <= $2::integer AND day = ANY($3::date[])
ORDER BY contract_id, day
