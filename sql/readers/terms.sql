-- The terms of an underlying's contracts, those before a corporate action among them.
-- Bars of a contract belong to the first terms that end after them; "until" is NULL for the present ones.
-- $1 underlying_id integer: whose contracts
-- $2 contract_ids integer[]: NULL is all
-- $3 alive_on date: only those that expire on that day or later; NULL is all
SELECT
    terms.contract_id,
    terms.since,
    terms.until,
    terms.contract_symbol,
    terms.expiration_date,
    terms.strike_price::float8 AS strike_price,
    terms.option_type,
    terms.multiplier,
    terms.trading_class
FROM contract_terms AS terms
WHERE terms.contract_id IN (
    SELECT chain.id
    FROM option_chains AS chain
    WHERE chain.underlying_id = $1::integer
        AND ($2::integer[] IS NULL OR chain.id = ANY($2::integer[]))
        AND ($3::date IS NULL OR chain.expiration_date >= $3::date)
)
ORDER BY terms.contract_id, terms.until
