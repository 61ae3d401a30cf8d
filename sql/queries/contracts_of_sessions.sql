-- Contracts of an underlying that are selected for any of some days, and from when to when, a row a stretch.
-- Terms are those of today: over months of sessions there is no other that all of them share.
-- $1 underlying_id integer: whose contracts
-- $2 first_day date
-- $3 last_day date
SELECT
    chain.id AS contract_id,
    chain.contract_symbol,
    lower(stretch) AS first_day,
    upper(stretch) AS end_day
FROM option_chains AS chain
INNER JOIN option_contract_lifecycle AS life ON life.contract_id = chain.id
CROSS JOIN LATERAL unnest(
    life.selected * datemultirange(daterange($2::date, least($3::date, chain.expiration_date), '[]'))
) AS stretch
WHERE chain.underlying_id = $1::integer AND chain.expiration_date >= $2::date
ORDER BY chain.expiration_date, chain.strike_price, chain.option_type, chain.id
