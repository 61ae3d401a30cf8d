-- Note that IB has defined the contracts of an expiration.
-- $1 underlying id, $2 expiration, $3 New York day, $4 number of contracts.
INSERT INTO expiration_refreshes (underlying_id, expiration_date, refreshed_on, contracts)
VALUES ($1::integer, $2::date, $3::date, $4::integer)
ON CONFLICT (underlying_id, expiration_date) DO UPDATE
SET refreshed_on = excluded.refreshed_on, contracts = excluded.contracts
