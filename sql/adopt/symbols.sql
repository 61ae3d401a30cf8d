-- The underlyings' symbols.
SELECT symbol
FROM underlying_securities
ORDER BY symbol
