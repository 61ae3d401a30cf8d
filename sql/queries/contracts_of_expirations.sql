-- Contracts of expirations that were ever selected.
-- $1 underlying_id integer: whose contracts
-- $2 expirations date[]
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
    AND contract.expiration_date = ANY($2::date[])
    AND NOT isempty(life.selected)
ORDER BY contract.expiration_date, contract.strike_price, contract.option_type
