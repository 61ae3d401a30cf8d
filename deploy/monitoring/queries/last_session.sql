-- Is the last session complete?
SELECT
    quality.symbol,
    quality.collection_date AS session,
    quality.completeness_percent AS "complete, %",
    quality.quote_percent AS "quoted, %",
    quality.iv_percent AS "with volatility, %",
    quality.open_gap_slots AS "open slots",
    quality.lost_gap_slots AS "lost slots"
FROM session_quality AS quality
WHERE quality.collection_date = (SELECT max(collection_date) FROM session_quality WHERE $__timeFilter(collection_date))
ORDER BY quality.symbol
