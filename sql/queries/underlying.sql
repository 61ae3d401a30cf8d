-- The underlying of a symbol.
-- $1 symbol text
SELECT id, symbol, ib_con_id, name, sec_type, exchange, primary_exchange, currency
FROM underlying_securities
WHERE symbol = $1::text
