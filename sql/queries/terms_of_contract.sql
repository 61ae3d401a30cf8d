-- A contract's terms, the earliest first.
-- $1 contract_id integer
SELECT
    contract_symbol,
    expiration_date,
    strike_price::double precision AS strike,
    option_type = 'C' AS is_call,
    until
FROM contract_terms
WHERE contract_id = $1::integer
ORDER BY until NULLS LAST
