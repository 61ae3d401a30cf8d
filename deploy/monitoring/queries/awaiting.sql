-- What awaits a second witness?
SELECT
    underlying.symbol,
    count(claim.instrument_id) AS series,
    count(DISTINCT claim.session_date) AS sessions,
    min(claim.session_date) AS oldest
FROM underlying_securities AS underlying
LEFT JOIN (
    SELECT one.instrument_id, one.session_date, coalesce(contract.underlying_id, -one.instrument_id) AS underlying_id
    FROM negative_claims AS one
    LEFT JOIN option_chains AS contract ON contract.id = one.instrument_id
    WHERE one.state = 'awaiting'
) AS claim ON claim.underlying_id = underlying.id
GROUP BY underlying.symbol
ORDER BY underlying.symbol
