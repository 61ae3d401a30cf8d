-- Option bars of a session in numbers.
-- $1 underlying_id integer: whose contracts
-- $2 session_open timestamptz
-- $3 session_close timestamptz
-- $4 doubted integer: the bits of doubt
SELECT
    count(coalesce(bar.close, bar.bid_close, bar.ask_close)) AS bars,
    count(DISTINCT bar.contract_id) AS contracts,
    count(*) FILTER (WHERE bar.volume > 0) AS traded,
    count(*) FILTER (WHERE bar.bid_close IS NOT NULL AND bar.ask_close IS NOT NULL) AS quoted,
    count(*) FILTER (WHERE bar.implied_volatility IS NOT NULL AND bar.greeks_version IS NOT NULL) AS with_iv,
    count(*) FILTER (WHERE bar.flags & $4::integer <> 0) AS doubted,
    (
        SELECT count(*)
        FROM quarantined_bars AS bad
        LEFT JOIN option_chains AS chain ON chain.id = bad.instrument_id
        WHERE coalesce(chain.underlying_id, -bad.instrument_id) = $1::integer
            AND bad.time >= $2::timestamptz
            AND bad.time < $3::timestamptz
    ) AS quarantined
FROM option_chains AS contract
INNER JOIN store.option_bars_5min AS bar ON bar.contract_id = contract.id
WHERE contract.underlying_id = $1::integer
    AND bar.time >= $2::timestamptz
    AND bar.time < $3::timestamptz
