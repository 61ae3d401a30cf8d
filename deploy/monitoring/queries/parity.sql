-- How well do calls and puts agree on what holding costs?
SELECT
    session_date::timestamptz AS time,
    underlying.symbol AS metric,
    max(carry.error) AS "standard error of the yield"
FROM expiration_carry AS carry
INNER JOIN underlying_securities AS underlying ON underlying.id = carry.underlying_id
WHERE $__timeFilter(carry.session_date)
GROUP BY 1, 2
ORDER BY 1, 2
