-- What each session's bars are worth, by symbol: how much is there, with quotes, with volatilities, doubted, refused.
CREATE OR REPLACE VIEW session_quality AS
SELECT
    statistics.collection_date,
    statistics.symbol,
    statistics.total_contracts AS contracts,
    statistics.data_completeness_percent AS completeness_percent,
    statistics.fill_percent,
    statistics.avg_bars_per_contract AS bars_per_contract,
    statistics.error_rate_percent,
    statistics.quote_percent,
    statistics.iv_percent,
    statistics.flagged_bars,
    statistics.quarantined_bars,
    (
        SELECT string_agg(found.reason || ' ' || found.bars, ', ' ORDER BY found.bars DESC, found.reason)
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
    ) AS quarantined_for,
    statistics.created_at AS measured_at
FROM collection_statistics AS statistics
