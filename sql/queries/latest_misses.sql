-- When each window that did not run was due last, by the kind of miss.
SELECT
    collection_type,
    substr(symbol, 8) AS kind,
    max(collection_time) AS due
FROM daily_collection_status
WHERE status = 'missed' AND collection_time IS NOT NULL
GROUP BY collection_type, symbol
ORDER BY collection_type, symbol
