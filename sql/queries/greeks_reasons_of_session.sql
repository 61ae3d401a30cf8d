-- Bars of an underlying's contracts in a span by the reason of their Greeks; NULL: not looked at.
-- $1 underlying_id integer: whose contracts
-- $2 contract_ids integer[]: only these; NULL is all
-- $3 session_open timestamptz
-- $4 session_close timestamptz
SELECT
    CASE WHEN bar.greeks_version IS NOT NULL THEN bar.greeks_reason END AS greeks_reason,
    count(*) AS bars,
    count(*) FILTER (WHERE bar.volume > 0) AS traded
FROM option_chains AS contract
INNER JOIN store.option_bars_5min AS bar ON bar.contract_id = contract.id
WHERE contract.underlying_id = $1::integer
    AND ($2::integer[] IS NULL OR contract.id = ANY($2::integer[]))
    AND bar.time >= $3::timestamptz
    AND bar.time < $4::timestamptz
GROUP BY 1
ORDER BY 1
