-- Contracts selected for a session in a stretch of days.
-- $1 underlying_id integer: whose contracts
-- $2 first date: session day
-- $3 last date: session day, included
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
    AND life.selected && daterange($2::date, $3::date, '[]')
ORDER BY contract.expiration_date, contract.strike_price, contract.option_type
