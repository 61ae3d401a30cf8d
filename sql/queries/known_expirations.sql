-- The expirations that IB listed for an underlying on a day.
-- $1 underlying_id integer
-- $2 today date: in New York
SELECT chain_expirations
FROM underlying_securities
WHERE id = $1::integer AND chain_asked_on = $2::date
