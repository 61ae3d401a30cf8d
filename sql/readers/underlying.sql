-- An underlying by its symbol.
-- $1 symbol text
SELECT id, symbol, calendar
FROM underlying_securities
WHERE symbol = $1::text
