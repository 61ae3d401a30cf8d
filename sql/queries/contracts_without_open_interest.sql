-- Contracts selected for a session whose open interest was not told on its day.
-- $1 underlying_id integer: whose contracts
-- $2 session_day date
SELECT
    contract.id,
    contract.symbol,
    contract.source_id,
    contract.expiration_date,
    contract.strike_price,
    contract.option_type,
    contract.multiplier,
    contract.exchange,
    contract.trading_class,
    contract.currency
FROM option_contracts AS contract
INNER JOIN option_contract_lifecycle AS life ON life.contract_id = contract.id
WHERE contract.underlying_id = $1::integer
    AND contract.expiration_date >= $2::date
    AND life.selected @> $2::date
    AND NOT EXISTS (
        SELECT
        FROM option_open_interest AS told
        WHERE told.contract_id = contract.id AND told.day = $2::date
    )
ORDER BY contract.expiration_date, contract.strike_price, contract.option_type
