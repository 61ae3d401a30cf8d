-- How complete was each session?
SELECT
    collection_date::timestamptz AS time,
    symbol AS metric,
    completeness_percent / 100 AS complete
FROM session_quality
WHERE $__timeFilter(collection_date)
ORDER BY time, metric
