-- How many slots have a bid and an ask?
SELECT
    collection_date::timestamptz AS time,
    symbol AS metric,
    quote_percent / 100 AS quoted
FROM session_quality
WHERE $__timeFilter(collection_date)
ORDER BY time, metric
