-- Contracts of an underlying that have not expired before a session, under the terms that they had at its end.
-- present_symbol: what a contract is called now; its symbol of that day may be another contract's by now.
-- $1 underlying_id integer: whose contracts
-- $2 session_day date
WITH former AS (
    SELECT DISTINCT ON (contract_id) *
    FROM earlier_contract_terms
    WHERE until >= ($2::date + 1)::timestamp AT TIME ZONE 'America/New_York'
        AND contract_id IN (SELECT id FROM option_chains WHERE underlying_id = $1::integer)
    ORDER BY contract_id, until
)
SELECT
    chain.id AS contract_id,
    coalesce(former.contract_symbol, chain.contract_symbol) AS contract_symbol,
    chain.contract_symbol AS present_symbol,
    coalesce(former.expiration_date, chain.expiration_date) AS expiration_date,
    coalesce(former.strike_price, chain.strike_price) AS strike_price,
    coalesce(former.option_type, chain.option_type) AS option_type,
    coalesce(life.selected @> $2::date, false) AS selected
FROM option_chains AS chain
LEFT JOIN option_contract_lifecycle AS life ON life.contract_id = chain.id
LEFT JOIN former ON former.contract_id = chain.id
WHERE chain.underlying_id = $1::integer AND chain.expiration_date >= $2::date
ORDER BY expiration_date, strike_price, option_type, contract_id
