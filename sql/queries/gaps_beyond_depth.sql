-- Open gaps of contracts that lie beyond the source's memory, and why they are lost, in words.
-- Two nights' controlled answers must have been empty: two dates in New York, at least six hours apart, both beyond the
-- depth already.
-- $1 data_set_id smallint
-- $2 underlying_id integer: whose contracts
-- $3 series text[]
-- $4 depths interval[]: how far back the source remembers each
-- $5 now timestamptz
WITH old AS (
    SELECT
        hole.id,
        hole.instrument_id,
        hole.what_to_show,
        tstzrange(hole.gap_start, hole.gap_end) AS slots,
        hole.gap_end + given.depth AS forgotten_at,
        given.depth
    FROM historical_data_gaps AS hole
    INNER JOIN option_chains AS chain ON chain.id = hole.instrument_id
    INNER JOIN unnest($3::text[], $4::interval[]) AS given (what_to_show, depth)
        ON given.what_to_show = hole.what_to_show
    WHERE hole.data_set = $1::smallint
        AND hole.state = 'open'
        AND chain.underlying_id = $2::integer
        AND hole.gap_end + given.depth <= $5::timestamptz
),
empty AS (
    SELECT old.id, old.depth, min(asked.sent_at) AS first, max(asked.sent_at) AS last
    FROM old
    INNER JOIN requests AS asked
        ON asked.instrument_id = old.instrument_id
        AND asked.data_set = $1::smallint
        AND asked.what_to_show = old.what_to_show
        AND asked.sent_at >= old.forgotten_at
        AND asked.negatives @> old.slots
        AND asked.controlled
    GROUP BY old.id, old.depth
)
SELECT
    empty.id,
    format(
        'beyond the source''s memory of some %s days; asked on %s and %s, both times without a bar',
        extract(DAY FROM empty.depth),
        (empty.first AT TIME ZONE 'America/New_York')::date,
        (empty.last AT TIME ZONE 'America/New_York')::date
    ) AS reason
FROM empty
WHERE (empty.first AT TIME ZONE 'America/New_York')::date <> (empty.last AT TIME ZONE 'America/New_York')::date
    AND empty.last - empty.first >= INTERVAL '6 hours'
