-- What sessions have of each symbol, as it was measured last; gaps as they stand now.
-- $1 first date
-- $2 last date
WITH missing AS (
    SELECT
        underlying.symbol,
        (
            gap.gap_start AT TIME ZONE CASE WHEN kind.bar_seconds < 86400 THEN 'America/New_York' ELSE 'UTC' END
        )::date AS day,
        gap.state,
        sum(extract(EPOCH FROM gap.gap_end - gap.gap_start) / kind.bar_seconds)::bigint AS slots
    FROM historical_data_gaps AS gap
    INNER JOIN data_sets AS kind ON kind.id = gap.data_set
    LEFT JOIN option_chains AS contract ON contract.id = gap.instrument_id
    INNER JOIN underlying_securities AS underlying
        ON underlying.id = coalesce(contract.underlying_id, -gap.instrument_id)
    WHERE gap.state <> 'filled' AND gap.gap_end > $1::date
    GROUP BY 1, 2, 3
)
SELECT
    statistics.collection_date,
    statistics.symbol,
    statistics.total_contracts,
    statistics.successful_contracts,
    statistics.data_completeness_percent,
    statistics.fill_percent,
    statistics.quote_percent,
    statistics.iv_percent,
    statistics.unknown_slots,
    statistics.flagged_bars,
    statistics.quarantined_bars,
    statistics.created_at,
    coalesce(unfilled.slots, 0) AS open_slots,
    coalesce(lost.slots, 0) AS lost_slots,
    (
        SELECT evidence.reason
        FROM session_evidence AS evidence
        WHERE evidence.session_date = statistics.collection_date
            AND evidence.symbol IN (statistics.symbol, 'ALL')
            AND NOT evidence.plausible
        ORDER BY evidence.symbol = 'ALL'
        LIMIT 1
    ) AS reason
FROM collection_statistics AS statistics
LEFT JOIN missing AS unfilled
    ON unfilled.symbol = statistics.symbol AND unfilled.day = statistics.collection_date AND unfilled.state = 'open'
LEFT JOIN missing AS lost
    ON lost.symbol = statistics.symbol AND lost.day = statistics.collection_date AND lost.state = 'lost'
WHERE statistics.collection_date BETWEEN $1::date AND $2::date
ORDER BY statistics.collection_date, statistics.symbol
