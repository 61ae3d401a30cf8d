-- Contracts that IB lists, by expiration, strike and right: $1 underlying id, $2 first and $3 last expiration.
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
WHERE contract.underlying_id = $1::integer
    AND contract.expiration_date BETWEEN $2::date AND $3::date
    AND contract.active
ORDER BY contract.expiration_date, contract.strike_price, contract.option_type
