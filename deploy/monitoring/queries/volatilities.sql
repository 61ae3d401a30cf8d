-- How many slots have an implied volatility?
SELECT
    collection_date::timestamptz AS time,
    symbol AS metric,
    iv_percent / 100 AS "with volatility"
FROM session_quality
WHERE $__timeFilter(collection_date)
ORDER BY time, metric
