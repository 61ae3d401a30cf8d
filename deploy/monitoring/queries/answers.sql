-- What did IB answer?
SELECT
    $__timeGroupAlias(sent_at, '1h'),
    outcome AS metric,
    count(*) AS requests
FROM requests
WHERE $__timeFilter(sent_at)
GROUP BY 1, 2
ORDER BY 1, 2
