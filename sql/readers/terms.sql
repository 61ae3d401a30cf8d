-- The terms of an underlying's contracts, those before a corporate action among them.
-- Bars of a contract belong to the first terms that end after them; "until" is NULL for the present ones.
-- $1 underlying_id integer: whose contracts
-- $2 contract_ids integer[]: NULL is all
-- $3 alive_on date: only those that expire on that day or later; NULL is all
WITH asked AS (
    SELECT *
    FROM option_chains
    WHERE underlying_id = $1::integer
        AND ($2::integer[] IS NULL OR id = ANY($2::integer[]))
        AND ($3::date IS NULL OR expiration_date >= $3::date)
)
SELECT
    earlier.contract_id,
    earlier.until,
    earlier.contract_symbol,
    earlier.expiration_date,
    earlier.strike_price::float8 AS strike_price,
    earlier.option_type,
    earlier.multiplier
FROM earlier_contract_terms AS earlier
WHERE earlier.contract_id IN (SELECT id FROM asked)
UNION ALL
SELECT
    id,
    NULL::timestamptz,
    contract_symbol,
    expiration_date,
    strike_price::float8,
    option_type,
    multiplier
FROM asked
