-- Open gaps of contracts of expirations.
-- $1 underlying_id integer: whose contracts
-- $2 expirations date[]
SELECT hole.id, chain.expiration_date
FROM historical_data_gaps AS hole
INNER JOIN option_chains AS chain ON chain.id = hole.instrument_id
WHERE hole.state = 'open' AND chain.underlying_id = $1::integer AND chain.expiration_date = ANY($2::date[])
