-- The last ten sessions by symbol: completeness (settled of expected), fill (traded of expected), what is unknown.
SELECT
    collection_date,
    symbol,
    successful_contracts || ' of ' || total_contracts AS settled_contracts,
    data_completeness_percent AS completeness_percent,
    fill_percent,
    expected_slots,
    traded_slots,
    no_trade_slots,
    unknown_slots,
    error_rate_percent
FROM collection_statistics
WHERE collection_date > (now() AT TIME ZONE 'America/New_York')::date - 15
ORDER BY collection_date DESC, symbol
LIMIT 40;
