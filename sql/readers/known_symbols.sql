-- The symbols of the underlyings that are known.
SELECT symbol
FROM underlying_securities
ORDER BY symbol
