-- When each window was last recorded as missed, by the kind of miss.
SELECT
    collection_type,
    substr(symbol, 8) AS kind,
    max(completed_at) AS recorded_at
FROM daily_collection_status
WHERE status = 'missed' AND completed_at IS NOT NULL
GROUP BY collection_type, symbol
ORDER BY collection_type, symbol
