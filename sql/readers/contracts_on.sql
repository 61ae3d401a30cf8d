-- Contracts of an underlying that were listed on a day, under the terms that they had at its end.
-- $1 underlying_id integer: whose contracts
-- $2 day date: in New York
WITH asked AS (
    SELECT chain.*, life.listed_since, life.last_seen, life.selected @> $2::date AS selected
    FROM option_chains AS chain
    INNER JOIN option_contract_lifecycle AS life ON life.contract_id = chain.id
    WHERE chain.underlying_id = $1::integer
        AND life.listed_since <= $2::date
        -- Whoever has vanished was listed until then; the others are.
        AND (life.status <> 'vanished' OR life.last_seen >= $2::date)
),
former AS (
    SELECT DISTINCT ON (contract_id) *
    FROM earlier_contract_terms
    WHERE until >= ($2::date + 1)::timestamp AT TIME ZONE 'America/New_York'
        AND contract_id IN (SELECT id FROM asked)
    ORDER BY contract_id, until
)
SELECT
    asked.id AS contract_id,
    coalesce(former.contract_symbol, asked.contract_symbol) AS contract_symbol,
    coalesce(former.expiration_date, asked.expiration_date) AS expiration_date,
    coalesce(former.strike_price, asked.strike_price)::float8 AS strike_price,
    coalesce(former.option_type, asked.option_type) AS option_type,
    coalesce(former.multiplier, asked.multiplier) AS multiplier,
    coalesce(former.exchange, asked.exchange) AS exchange,
    coalesce(former.trading_class, asked.trading_class) AS trading_class,
    coalesce(former.currency, asked.currency) AS currency,
    asked.listed_since,
    asked.last_seen,
    asked.selected
FROM asked
LEFT JOIN former ON former.contract_id = asked.id
WHERE coalesce(former.expiration_date, asked.expiration_date) >= $2::date
ORDER BY expiration_date, strike_price, option_type, contract_id
