-- When each active underlying's chain was last read, and how many contracts are new.
-- $1 since timestamptz: contracts are new that were stored at this instant or later
SELECT
    underlying.symbol,
    max(chain.last_updated) AS refreshed,
    count(*) FILTER (WHERE chain.created_at >= $1::timestamptz) AS new
FROM underlying_securities AS underlying
INNER JOIN option_chains AS chain ON chain.underlying_id = underlying.id
WHERE underlying.active
GROUP BY underlying.symbol
ORDER BY underlying.symbol
