-- What is missing, and what is lost?
SELECT
    underlying.symbol,
    count(gap.id) FILTER (WHERE gap.state = 'open') AS open,
    count(gap.id) FILTER (WHERE gap.state = 'lost') AS lost,
    count(gap.id) FILTER (WHERE gap.state = 'filled') AS filled,
    min(gap.gap_start) FILTER (WHERE gap.state = 'open') AS "oldest open"
FROM underlying_securities AS underlying
LEFT JOIN (
    SELECT one.id, one.state, one.gap_start, coalesce(contract.underlying_id, -one.instrument_id) AS underlying_id
    FROM historical_data_gaps AS one
    LEFT JOIN option_chains AS contract ON contract.id = one.instrument_id
) AS gap ON gap.underlying_id = underlying.id
GROUP BY underlying.symbol
ORDER BY underlying.symbol
