-- The expirations of an underlying that have not passed on a day, with what is known of their contracts.
-- $1 underlying_id integer
-- $2 day date: in New York
SELECT
    chain.expiration_date,
    count(*) FILTER (WHERE chain.option_type = 'C') AS calls,
    count(*) FILTER (WHERE chain.option_type = 'P') AS puts,
    count(*) FILTER (WHERE chain.active) AS listed,
    count(*) FILTER (WHERE life.selected @> $2::date) AS selected,
    min(chain.strike_price)::double precision AS lowest_strike,
    max(chain.strike_price)::double precision AS highest_strike
FROM option_chains AS chain
LEFT JOIN option_contract_lifecycle AS life ON life.contract_id = chain.id
WHERE chain.underlying_id = $1::integer AND chain.expiration_date >= $2::date
GROUP BY chain.expiration_date
ORDER BY chain.expiration_date
