-- Does any session look emptier than it can be?
SELECT
    session_date::timestamptz AS time,
    symbol AS metric,
    CASE WHEN plausible THEN 'plausible' ELSE 'implausible' END AS verdict
FROM session_evidence
WHERE $__timeFilter(session_date) AND symbol <> 'ALL'
ORDER BY time, metric
