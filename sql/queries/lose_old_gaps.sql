-- Mark open gaps of contracts beyond the source's memory as lost, and return them.
-- Two nights' controlled answers must have been empty: two dates in New York, at least six hours apart, both beyond the
-- depth already.
-- $1 underlying id, $2 series, $3 how far back the source remembers each, $4 now.
WITH old AS (
    SELECT
        hole.id,
        hole.contract_id,
        hole.what_to_show,
        tstzrange(hole.gap_start, hole.gap_end) AS slots,
        hole.gap_end + given.depth AS forgotten_at,
        given.depth
    FROM historical_data_gaps AS hole
    INNER JOIN option_chains AS chain ON chain.id = hole.contract_id
    INNER JOIN unnest($2::text[], $3::interval[]) AS given (what_to_show, depth)
        ON given.what_to_show = hole.what_to_show
    WHERE hole.state = 'open'
        AND chain.underlying_id = $1::integer
        AND hole.gap_end + given.depth <= $4::timestamptz
),
empty AS (
    SELECT old.id, old.depth, min(asked.sent_at) AS first, max(asked.sent_at) AS last
    FROM old
    INNER JOIN requests AS asked
        ON asked.instrument_id = old.contract_id
        AND asked.what_to_show = old.what_to_show
        AND asked.sent_at >= old.forgotten_at
        AND asked.negatives @> old.slots
        AND asked.controlled
    GROUP BY old.id, old.depth
),
gap AS (
    UPDATE historical_data_gaps AS hole
    SET
        state = 'lost',
        lost_at = $4::timestamptz,
        reason = format(
            'beyond the source''s memory of some %s days; asked on %s and %s, both times without a bar',
            extract(DAY FROM empty.depth),
            (empty.first AT TIME ZONE 'America/New_York')::date,
            (empty.last AT TIME ZONE 'America/New_York')::date
        )
    FROM empty
    WHERE hole.id = empty.id
        AND (empty.first AT TIME ZONE 'America/New_York')::date <> (empty.last AT TIME ZONE 'America/New_York')::date
        AND empty.last - empty.first >= INTERVAL '6 hours'
    RETURNING hole.*
)
SELECT
    gap.id,
    underlying.symbol,
    gap.contract_id,
    contract.contract_symbol,
    contract.expiration_date,
    gap.underlying_id,
    gap.what_to_show,
    gap.state,
    tstzrange(gap.gap_start, gap.gap_end) AS span,
    gap.gap_type,
    gap.detected_at,
    gap.reason
FROM gap
INNER JOIN option_chains AS contract ON contract.id = gap.contract_id
INNER JOIN underlying_securities AS underlying ON underlying.id = contract.underlying_id
ORDER BY contract.expiration_date, symbol, contract.contract_symbol, gap.what_to_show, gap.gap_start
