-- Note the expirations that IB lists for an underlying: $1 underlying id, $2 New York day, $3 expirations.
UPDATE underlying_securities
SET chain_expirations = $3::date[], chain_asked_on = $2::date
WHERE id = $1::integer
