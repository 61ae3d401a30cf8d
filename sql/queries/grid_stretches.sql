-- Slots of a session that are not settled, series by series, as stretches of slots counted from its first.
-- A stretch is told once as unsettled, and again as lost or awaiting where it is that, too.
-- $1 data_set_id smallint
-- $2 underlying_id integer: whose contracts
-- $3 session_day date
-- $4 span_start timestamptz: of the session's slots
-- $5 span_end timestamptz
-- $6 series text[]
WITH session AS (
    SELECT tstzrange($4::timestamptz, $5::timestamptz) AS slots, make_interval(secs => bar_seconds) AS slot
    FROM data_sets
    WHERE id = $1::smallint
),
series AS MATERIALIZED (
    SELECT
        life.contract_id AS instrument_id,
        configured.what_to_show,
        CASE
            WHEN coverage.settled @> session.slots THEN '{}'
            ELSE tstzmultirange(session.slots) - coalesce(coverage.settled, '{}')
        END AS unsettled
    FROM option_chains AS chain
    INNER JOIN option_contract_lifecycle AS life ON life.contract_id = chain.id
    CROSS JOIN session
    CROSS JOIN unnest($6::text[]) AS configured (what_to_show)
    LEFT JOIN request_coverage AS coverage
        ON coverage.instrument_id = chain.id
        AND coverage.data_set = $1::smallint
        AND coverage.what_to_show = configured.what_to_show
    WHERE chain.underlying_id = $2::integer
        AND chain.expiration_date >= $3::date
        AND life.selected @> $3::date
),
open AS (
    SELECT instrument_id, what_to_show, unsettled FROM series WHERE NOT isempty(unsettled)
),
told AS (
    SELECT instrument_id, what_to_show, 'unsettled' AS kind, unsettled AS slots FROM open
    UNION ALL
    SELECT open.instrument_id, open.what_to_show, 'awaiting', open.unsettled * tstzmultirange(claim.span)
    FROM open
    INNER JOIN negative_claims AS claim USING (instrument_id, what_to_show)
    WHERE claim.data_set = $1::smallint AND claim.session_date = $3::date AND claim.state = 'awaiting'
    UNION ALL
    SELECT
        open.instrument_id,
        open.what_to_show,
        'lost',
        open.unsettled * tstzmultirange(tstzrange(gap.gap_start, gap.gap_end))
    FROM open
    INNER JOIN historical_data_gaps AS gap USING (instrument_id, what_to_show)
    WHERE gap.data_set = $1::smallint
        AND gap.state = 'lost'
        AND gap.gap_start < $5::timestamptz
        AND gap.gap_end > $4::timestamptz
)
SELECT
    told.instrument_id AS contract_id,
    told.what_to_show,
    told.kind,
    (extract(EPOCH FROM lower(stretch) - $4::timestamptz) / extract(EPOCH FROM session.slot))::integer AS first_slot,
    (extract(EPOCH FROM upper(stretch) - $4::timestamptz) / extract(EPOCH FROM session.slot))::integer AS end_slot
FROM told
CROSS JOIN session
CROSS JOIN LATERAL unnest(told.slots) AS stretch
