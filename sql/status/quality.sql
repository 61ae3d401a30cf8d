-- The last ten sessions by symbol: slots with bid and ask, with an implied volatility, bars in quarantine and why.
SELECT
    statistics.collection_date,
    statistics.symbol,
    statistics.quote_percent,
    statistics.iv_percent,
    statistics.quarantined_bars,
    (
        SELECT string_agg(found.reason || ' ' || found.bars, ', ' ORDER BY found.bars DESC)
        FROM (
            SELECT bad.reason, count(*) AS bars
            FROM quarantined_bars AS bad
            LEFT JOIN option_chains AS contract ON contract.id = bad.contract_id
            INNER JOIN underlying_securities AS underlying
                ON underlying.id = coalesce(bad.underlying_id, contract.underlying_id)
            WHERE
                underlying.symbol = statistics.symbol
                AND bad.time >= statistics.collection_date::timestamp AT TIME ZONE 'America/New_York'
                AND bad.time < (statistics.collection_date + 1)::timestamp AT TIME ZONE 'America/New_York'
            GROUP BY bad.reason
        ) AS found
    ) AS quarantined_for
FROM collection_statistics AS statistics
WHERE statistics.collection_date > (now() AT TIME ZONE 'America/New_York')::date - 15
ORDER BY statistics.collection_date DESC, statistics.symbol
LIMIT 40;
