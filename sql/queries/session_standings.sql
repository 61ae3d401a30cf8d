-- What was measured last of sessions, by symbol, with the gaps and the awaiting series-slots of this moment.
-- completeness, fill, quote_coverage, iv_coverage: percent; NULL where nothing was measured. Gaps of bars of a day lie at midnight UTC.
-- $1 first date: day of the first session
-- $2 last date: day of the last one, included
WITH measured AS (
    SELECT
        collection_date AS day,
        symbol,
        total_contracts AS contracts,
        data_completeness_percent AS completeness,
        expected_slots AS slots,
        successful_contracts AS settled_contracts,
        fill_percent AS fill,
        quote_percent AS quote_coverage,
        iv_percent AS iv_coverage,
        unknown_slots AS unknown,
        flagged_bars AS flagged,
        quarantined_bars AS quarantined,
        created_at AS measured_at
    FROM collection_statistics
    WHERE collection_date BETWEEN $1::date AND $2::date AND symbol <> 'ALL'
),
gap AS (
    SELECT
        coalesce(contract.underlying_id, -gap.instrument_id) AS underlying_id,
        (
            gap.gap_start AT TIME ZONE CASE WHEN kind.bar_seconds < 86400 THEN 'America/New_York' ELSE 'UTC' END
        )::date AS day,
        gap.state,
        extract(EPOCH FROM gap.gap_end - gap.gap_start) / kind.bar_seconds AS slots
    FROM historical_data_gaps AS gap
    INNER JOIN data_sets AS kind ON kind.id = gap.data_set
    LEFT JOIN option_chains AS contract ON contract.id = gap.instrument_id
    WHERE gap.state <> 'filled'
        AND gap.gap_start >= $1::date::timestamp AT TIME ZONE 'UTC'
        AND gap.gap_start < ($2::date + 2)::timestamp AT TIME ZONE 'UTC'
),
missing AS (
    SELECT
        underlying.symbol,
        gap.day,
        (sum(gap.slots) FILTER (WHERE gap.state = 'open'))::bigint AS open_slots,
        (sum(gap.slots) FILTER (WHERE gap.state = 'lost'))::bigint AS lost_slots
    FROM gap
    INNER JOIN underlying_securities AS underlying ON underlying.id = gap.underlying_id
    WHERE gap.day BETWEEN $1::date AND $2::date
    GROUP BY underlying.symbol, gap.day
),
awaiting AS (
    SELECT
        underlying.symbol,
        claim.session_date AS day,
        sum(extract(EPOCH FROM upper(claim.span) - lower(claim.span)) / kind.bar_seconds)::bigint AS slots
    FROM negative_claims AS claim
    INNER JOIN data_sets AS kind ON kind.id = claim.data_set
    LEFT JOIN option_chains AS contract ON contract.id = claim.instrument_id
    INNER JOIN underlying_securities AS underlying
        ON underlying.id = coalesce(contract.underlying_id, -claim.instrument_id)
    WHERE claim.state = 'awaiting' AND claim.session_date BETWEEN $1::date AND $2::date
    GROUP BY underlying.symbol, claim.session_date
)
SELECT
    day,
    symbol,
    coalesce(measured.contracts, 0) AS contracts,
    measured.completeness::float8 AS completeness,
    coalesce(measured.slots, 0) AS slots,
    coalesce(missing.open_slots, 0) AS open_slots,
    coalesce(missing.lost_slots, 0) AS lost_slots,
    coalesce(awaiting.slots, 0) AS awaiting,
    measured.settled_contracts,
    measured.fill::float8 AS fill,
    measured.quote_coverage::float8 AS quote_coverage,
    measured.iv_coverage::float8 AS iv_coverage,
    measured.unknown,
    measured.flagged,
    measured.quarantined,
    measured.measured_at
FROM measured
FULL JOIN missing USING (day, symbol)
FULL JOIN awaiting USING (day, symbol)
ORDER BY day, symbol
