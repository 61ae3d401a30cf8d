-- Gaps of a state, the first to expire first.
-- $1 state text
-- $2 symbols text[]: NULL is all
-- $3 since timestamptz: only what ends later; NULL is all
-- $4 day date: only of this session; NULL is all
-- $5 skipped bigint: so many are left out first
-- $6 most bigint: so many are returned; NULL is all
SELECT
    gap.id,
    underlying.symbol,
    gap.contract_id,
    contract.contract_symbol,
    contract.expiration_date,
    gap.underlying_id,
    kind.name AS data_set,
    gap.what_to_show,
    gap.state,
    tstzrange(gap.gap_start, gap.gap_end) AS span,
    gap.gap_type,
    gap.detected_at,
    gap.reason
FROM historical_data_gaps AS gap
INNER JOIN data_sets AS kind ON kind.id = gap.data_set
LEFT JOIN option_chains AS contract ON contract.id = gap.instrument_id
INNER JOIN underlying_securities AS underlying
    ON underlying.id = coalesce(contract.underlying_id, -gap.instrument_id)
WHERE gap.state = $1::text
    AND ($2::text[] IS NULL OR underlying.symbol = ANY($2::text[]))
    AND ($3::timestamptz IS NULL OR gap.gap_end > $3::timestamptz)
    AND ($4::date IS NULL OR (
        gap.gap_start AT TIME ZONE CASE WHEN kind.bar_seconds < 86400 THEN 'America/New_York' ELSE 'UTC' END
    )::date = $4::date)
ORDER BY
    contract.expiration_date NULLS LAST,
    underlying.symbol,
    contract.contract_symbol,
    gap.what_to_show,
    gap.gap_start,
    gap.id
OFFSET $5::bigint
LIMIT $6::bigint
