-- Note the expirations that IB lists for an underlying.
-- $1 underlying_id integer
-- $2 today date: in New York
-- $3 expirations date[]
UPDATE underlying_securities
SET chain_expirations = $3::date[], chain_asked_on = $2::date
WHERE id = $1::integer
