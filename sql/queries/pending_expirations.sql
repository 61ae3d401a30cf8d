-- Expirations with bars in a span that lack the Greeks of a version: $1 underlying id, $2 from, $3 until, $4 version
-- (NULL: every expiration that has bars).
SELECT
    contract.expiration_date,
    count(*) AS bars
FROM option_bars_5min AS bar
INNER JOIN option_chains AS contract ON contract.id = bar.contract_id
WHERE contract.underlying_id = $1::integer
    AND bar.time >= $2::timestamptz
    AND bar.time < $3::timestamptz
GROUP BY contract.expiration_date
HAVING $4::smallint IS NULL OR bool_or(bar.greeks_version IS DISTINCT FROM $4::smallint)
ORDER BY contract.expiration_date
