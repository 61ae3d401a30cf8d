-- All underlyings, also those that are collected no more.
SELECT
    id,
    symbol
FROM underlying_securities
ORDER BY symbol
