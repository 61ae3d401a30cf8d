-- The contracts of a symbol whose terms are nearest to some: by expiration, then right, then strike.
-- $1 symbol text: of the underlying, or the contracts' root
-- $2 expiration date
-- $3 strike numeric: USD per share
-- $4 option_right text: C or P
-- $5 most integer
SELECT
    chain.id AS contract_id,
    chain.underlying_id,
    chain.contract_symbol,
    chain.expiration_date,
    chain.strike_price,
    chain.option_type
FROM option_chains AS chain
INNER JOIN underlying_securities AS underlying ON underlying.id = chain.underlying_id
WHERE underlying.symbol = $1::text
    OR chain.trading_class = $1::text
ORDER BY
    abs(chain.expiration_date - $2::date),
    chain.option_type <> $4::text,
    abs(chain.strike_price - $3::numeric),
    chain.contract_symbol
LIMIT $5::integer
