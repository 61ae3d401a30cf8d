-- Contracts by their database ids.
-- $1 contract_ids integer[]
SELECT
    contract.id,
    underlying.symbol,
    contract.ib_con_id,
    contract.expiration_date,
    contract.strike_price,
    contract.option_type,
    contract.multiplier,
    contract.exchange,
    contract.trading_class,
    contract.currency
FROM option_chains AS contract
INNER JOIN underlying_securities AS underlying ON underlying.id = contract.underlying_id
WHERE contract.id = ANY($1::integer[])
