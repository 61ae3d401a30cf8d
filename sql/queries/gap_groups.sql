-- Gaps of a state in groups: session, symbol, series and why; the latest session first.
-- $1 state text
-- $2 symbols text[]: NULL is all
-- $3 since timestamptz: only what ends later; NULL is all
-- $4 most integer: so many groups
SELECT
    (
        gap.gap_start AT TIME ZONE CASE WHEN kind.bar_seconds < 86400 THEN 'America/New_York' ELSE 'UTC' END
    )::date AS day,
    underlying.symbol,
    kind.name AS data_set,
    gap.what_to_show,
    gap.gap_type,
    gap.reason,
    count(*) AS gaps,
    count(DISTINCT gap.contract_id) AS contracts,
    sum(extract(EPOCH FROM gap.gap_end - gap.gap_start) / kind.bar_seconds)::bigint AS slots,
    count(*) OVER () AS groups
FROM historical_data_gaps AS gap
INNER JOIN data_sets AS kind ON kind.id = gap.data_set
LEFT JOIN option_chains AS contract ON contract.id = gap.instrument_id
INNER JOIN underlying_securities AS underlying
    ON underlying.id = coalesce(contract.underlying_id, -gap.instrument_id)
WHERE gap.state = $1::text
    AND ($2::text[] IS NULL OR underlying.symbol = ANY($2::text[]))
    AND ($3::timestamptz IS NULL OR gap.gap_end > $3::timestamptz)
GROUP BY 1, 2, 3, 4, 5, 6
ORDER BY 1 DESC, 2, 3, 4, 5, 6
LIMIT $4::integer
