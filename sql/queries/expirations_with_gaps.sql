-- Expirations before a day whose contracts have open gaps.
-- $1 underlying_id integer: whose contracts
-- $2 today date: in New York
SELECT DISTINCT contract.expiration_date
FROM historical_data_gaps AS gap
INNER JOIN option_chains AS contract ON contract.id = gap.instrument_id
WHERE gap.state = 'open' AND contract.underlying_id = $1::integer AND contract.expiration_date < $2::date
ORDER BY contract.expiration_date
