-- The contracts beside one of the same expiration and root: the next strikes below and above, and the other right.
-- $1 contract_id integer
WITH own AS (SELECT * FROM option_chains WHERE id = $1::integer),
series AS (
    SELECT chain.contract_symbol, chain.strike_price, chain.option_type
    FROM own
    INNER JOIN option_chains AS chain
        ON chain.underlying_id = own.underlying_id
        AND chain.expiration_date = own.expiration_date
        AND chain.trading_class = own.trading_class
        AND chain.multiplier = own.multiplier
)
SELECT
    (
        SELECT contract_symbol
        FROM series
        WHERE option_type = own.option_type AND strike_price < own.strike_price
        ORDER BY strike_price DESC
        LIMIT 1
    ) AS below,
    (
        SELECT contract_symbol
        FROM series
        WHERE option_type = own.option_type AND strike_price > own.strike_price
        ORDER BY strike_price
        LIMIT 1
    ) AS above,
    (
        SELECT contract_symbol
        FROM series
        WHERE option_type <> own.option_type AND strike_price = own.strike_price
        LIMIT 1
    ) AS other_right
FROM own
