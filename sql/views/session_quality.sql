-- What each session's bars are worth, by symbol: how much is there, with quotes, with volatilities, doubted, refused.
-- The gaps are as they stand now; everything else as it was measured last.
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
            LEFT JOIN option_chains AS contract ON contract.id = bad.instrument_id
            INNER JOIN underlying_securities AS underlying
                ON underlying.id = coalesce(contract.underlying_id, -bad.instrument_id)
            WHERE
                underlying.symbol = statistics.symbol
                AND bad.time >= statistics.collection_date::timestamp AT TIME ZONE 'America/New_York'
                AND bad.time < (statistics.collection_date + 1)::timestamp AT TIME ZONE 'America/New_York'
            GROUP BY bad.reason
        ) AS found
    ) AS quarantined_for,
    statistics.created_at AS measured_at,
    -- At the end: a view that exists takes new columns there only.
    coalesce(missing.open_gap_slots, 0) AS open_gap_slots,
    coalesce(missing.lost_gap_slots, 0) AS lost_gap_slots
FROM collection_statistics AS statistics
LEFT JOIN (
    SELECT
        underlying.symbol,
        (
            gap.gap_start AT TIME ZONE CASE WHEN kind.bar_seconds < 86400 THEN 'America/New_York' ELSE 'UTC' END
        )::date AS day,
        (
            sum(extract(EPOCH FROM gap.gap_end - gap.gap_start) / kind.bar_seconds) FILTER (WHERE gap.state = 'open')
        )::bigint AS open_gap_slots,
        (
            sum(extract(EPOCH FROM gap.gap_end - gap.gap_start) / kind.bar_seconds) FILTER (WHERE gap.state = 'lost')
        )::bigint AS lost_gap_slots
    FROM historical_data_gaps AS gap
    INNER JOIN data_sets AS kind ON kind.id = gap.data_set
    LEFT JOIN option_chains AS contract ON contract.id = gap.instrument_id
    INNER JOIN underlying_securities AS underlying
        ON underlying.id = coalesce(contract.underlying_id, -gap.instrument_id)
    WHERE gap.state <> 'filled'
    GROUP BY underlying.symbol, day
) AS missing ON missing.symbol = statistics.symbol AND missing.day = statistics.collection_date
