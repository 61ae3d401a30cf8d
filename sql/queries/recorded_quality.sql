-- What the statistics of a session say of its bars, by symbol.
-- $1 session_day date
SELECT
    symbol,
    avg_bars_per_contract,
    error_rate_percent,
    quote_percent,
    iv_percent,
    flagged_bars,
    quarantined_bars
FROM collection_statistics
WHERE collection_date = $1::date
ORDER BY symbol
