-- Contracts by their database ids.
-- $1 contract_ids integer[]
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
WHERE contract.id = ANY($1::integer[])
