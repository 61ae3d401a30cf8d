-- All underlyings that are active, by symbol.
SELECT id, symbol, ib_con_id, name, sec_type, exchange, primary_exchange, currency
FROM underlying_securities
WHERE active
ORDER BY symbol
