-- The contracts of a symbol that are most like given terms: the nearest expirations, then the nearest strikes.
-- $1 symbol text
-- $2 expiration date
-- $3 strike numeric
-- $4 option_type text
SELECT chain.contract_symbol
FROM option_chains AS chain
INNER JOIN underlying_securities AS underlying ON underlying.id = chain.underlying_id
WHERE underlying.symbol = $1::text
ORDER BY
    abs(chain.expiration_date - $2::date),
    chain.option_type <> $4::text,
    abs(chain.strike_price - $3::numeric),
    chain.id
LIMIT 3
