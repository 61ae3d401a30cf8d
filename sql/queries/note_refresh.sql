-- Note that IB has defined the contracts of an expiration.
-- $1 underlying_id integer: whose contracts
-- $2 expiration date
-- $3 today date: in New York
-- $4 contracts integer: how many
INSERT INTO expiration_refreshes (underlying_id, expiration_date, refreshed_on, contracts)
VALUES ($1::integer, $2::date, $3::date, $4::integer)
ON CONFLICT (underlying_id, expiration_date) DO UPDATE
SET refreshed_on = excluded.refreshed_on, contracts = excluded.contracts
