-- The last ten sessions by symbol: slots with bid and ask, with an implied volatility, bars flagged and in quarantine.
SELECT
    collection_date,
    symbol,
    completeness_percent,
    bars_per_contract,
    quote_percent,
    iv_percent,
    error_rate_percent,
    flagged_bars,
    quarantined_bars,
    quarantined_for
FROM session_quality
WHERE collection_date > (now() AT TIME ZONE 'America/New_York')::date - 15
ORDER BY collection_date DESC, symbol
LIMIT 40;
