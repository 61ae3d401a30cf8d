-- Contracts that expired before a day and have open gaps.
-- $1 underlying_id integer: whose contracts
-- $2 day date: in New York
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
WHERE contract.underlying_id = $1::integer
    AND contract.expiration_date < $2::date
    AND contract.id IN (SELECT instrument_id FROM historical_data_gaps WHERE state = 'open')
ORDER BY contract.expiration_date, contract.strike_price, contract.option_type
