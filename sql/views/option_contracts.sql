-- Option contracts with their underlying's symbol, and the number by which their source knows them.
CREATE OR REPLACE VIEW option_contracts AS
SELECT
    contract.id,
    contract.underlying_id,
    underlying.symbol,
    contract.contract_symbol,
    contract.expiration_date,
    contract.strike_price,
    contract.option_type,
    contract.multiplier,
    contract.exchange,
    contract.trading_class,
    contract.currency,
    contract.active,
    underlying.source,
    contract.ib_con_id AS source_id,
    underlying.calendar
FROM option_chains AS contract
INNER JOIN underlying_securities AS underlying ON underlying.id = contract.underlying_id
