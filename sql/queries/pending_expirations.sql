-- Expirations with bars in a span that lack the Greeks of a version.
-- What had no Greeks for want of the underlying's price lacks them again once that price has come, and what was computed
-- before the dividend of that day was told, once it is.
-- $1 underlying_id integer: whose contracts
-- $2 session_open timestamptz
-- $3 session_close timestamptz
-- $4 version smallint: NULL is every expiration that has bars
-- $5 unknown smallint: the reason "no price of the underlying"
-- $6 doubted integer: flags of prices that count as none
-- $7 session_day date
SELECT
    contract.expiration_date,
    count(*) AS bars
FROM store.option_bars_5min AS bar
INNER JOIN option_chains AS contract ON contract.id = bar.contract_id
LEFT JOIN store.underlying_bars_5min AS spot
    ON spot.underlying_id = $1::integer
    AND spot.time = bar.time
    AND spot.time >= $2::timestamptz
    AND spot.time < $3::timestamptz
    AND spot.close IS NOT NULL
    AND spot.flags & $6::integer = 0
WHERE contract.underlying_id = $1::integer
    AND bar.time >= $2::timestamptz
    AND bar.time < $3::timestamptz
GROUP BY contract.expiration_date
HAVING $4::smallint IS NULL
    OR bool_or(bar.greeks_version IS DISTINCT FROM $4::smallint)
    OR bool_or(bar.greeks_reason = $5::smallint AND spot.close IS NOT NULL)
    OR EXISTS (
        SELECT
        FROM announced_dividends AS told
        INNER JOIN expiration_carry AS carry ON carry.underlying_id = told.underlying_id
        WHERE told.underlying_id = $1::integer
            AND told.told_on = $7::date
            AND carry.session_date = $7::date
            AND carry.expiration_date = contract.expiration_date
            AND carry.computed_at < told.recorded_at
    )
ORDER BY contract.expiration_date
