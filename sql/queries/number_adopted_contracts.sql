-- Give contracts that were adopted without IB's number the one by which IB defines them.
-- What is listed twice at one strike (an adjusted contract) goes to the contract of the same OCC symbol first.
-- $1 underlying_id integer: whose contracts
-- $2 source_ids integer[]: IB's numbers
-- $3 occ_symbols text[]
-- $4 expirations date[]
-- $5 strikes numeric[]
-- $6 rights text[]
UPDATE option_chains AS adopted
SET ib_con_id = pair.ib_con_id
FROM (
    SELECT DISTINCT ON (given.expiration_date, given.strike_price, given.option_type)
        unnumbered.id,
        given.ib_con_id
    FROM unnest($2::integer[], $3::text[], $4::date[], $5::numeric[], $6::text[]) AS given (
        ib_con_id, contract_symbol, expiration_date, strike_price, option_type
    )
    INNER JOIN option_chains AS unnumbered USING (expiration_date, strike_price, option_type)
    WHERE unnumbered.underlying_id = $1::integer
        AND unnumbered.ib_con_id < 0
        AND NOT EXISTS (SELECT FROM option_chains AS known WHERE known.ib_con_id = given.ib_con_id)
    ORDER BY
        given.expiration_date,
        given.strike_price,
        given.option_type,
        unnumbered.contract_symbol = given.contract_symbol DESC,
        unnumbered.id,
        given.ib_con_id
) AS pair
WHERE adopted.id = pair.id
