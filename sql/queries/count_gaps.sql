-- Gaps by state, with the slots that they hold.
-- $1 symbols text[]: NULL is all
-- $2 since timestamptz: only what ends later; NULL is all
-- $3 until timestamptz: only what starts earlier; NULL is all
SELECT
    gap.state,
    count(*) AS gaps,
    coalesce(sum(extract(EPOCH FROM gap.gap_end - gap.gap_start) / kind.bar_seconds)::bigint, 0) AS slots
FROM historical_data_gaps AS gap
INNER JOIN data_sets AS kind ON kind.id = gap.data_set
LEFT JOIN option_chains AS contract ON contract.id = gap.instrument_id
INNER JOIN underlying_securities AS underlying
    ON underlying.id = coalesce(contract.underlying_id, -gap.instrument_id)
WHERE ($1::text[] IS NULL OR underlying.symbol = ANY($1::text[]))
    AND ($2::timestamptz IS NULL OR gap.gap_end > $2::timestamptz)
    AND ($3::timestamptz IS NULL OR gap.gap_start < $3::timestamptz)
GROUP BY gap.state
ORDER BY gap.state
