-- The first and last id of an underlying's contracts that live in a slot.
-- $1 underlying_id integer: whose contracts
-- $2 slot timestamptz: its start
SELECT
    min(id) AS first_id,
    max(id) AS last_id
FROM option_chains
WHERE underlying_id = $1::integer AND expiration_date >= ($2::timestamptz AT TIME ZONE 'America/New_York')::date
