-- Withdraw gaps, or the parts of them, at times when there was no session; return the days in New York on which they lay.
-- Nothing was expected there, so nothing was missing, and nothing lost.
-- $1 data_set_id smallint
-- $2 underlying_id integer: whose gaps, or whose contracts'
-- $3 closed tstzmultirange: when there was no session
WITH touched AS (
    SELECT
        gap.*,
        tstzmultirange(tstzrange(gap.gap_start, gap.gap_end)) - $3::tstzmultirange AS still
    FROM historical_data_gaps AS gap
    WHERE gap.data_set = $1::smallint
        AND gap.state <> 'filled'
        AND $3::tstzmultirange && tstzrange(gap.gap_start, gap.gap_end)
        AND gap.instrument_id IN (
            SELECT id FROM option_chains WHERE underlying_id = $2::integer
            UNION ALL
            SELECT -$2::integer
        )
),
first_piece AS (
    SELECT touched.id, piece.open
    FROM touched
    CROSS JOIN LATERAL (SELECT part AS open FROM unnest(touched.still) AS part ORDER BY part LIMIT 1) AS piece
),
gone AS (
    DELETE FROM historical_data_gaps AS gap
    USING touched
    WHERE gap.id = touched.id AND isempty(touched.still)
    RETURNING gap.id
),
shrunk AS (
    UPDATE historical_data_gaps AS gap
    SET gap_start = lower(first_piece.open), gap_end = upper(first_piece.open)
    FROM first_piece
    WHERE gap.id = first_piece.id
    RETURNING gap.id
),
others AS (
    INSERT INTO historical_data_gaps (
        instrument_id, data_set, what_to_show, state, gap_start, gap_end, gap_type, detected_at, detected_run_id,
        lost_at, reason
    )
    SELECT
        touched.instrument_id, touched.data_set, touched.what_to_show, touched.state, lower(part), upper(part),
        touched.gap_type, touched.detected_at, touched.detected_run_id, touched.lost_at, touched.reason
    FROM touched
    INNER JOIN first_piece ON first_piece.id = touched.id
    CROSS JOIN unnest(touched.still) AS part
    WHERE part <> first_piece.open
    RETURNING id
)
SELECT DISTINCT
    (gap_start AT TIME ZONE 'America/New_York')::date AS day,
    (
        SELECT store.note_changes($1::smallint, array_agg(instrument_id), array_agg(changed.day))
        FROM touched
        CROSS JOIN LATERAL store.days_of($3::tstzmultirange * tstzmultirange(tstzrange(gap_start, gap_end))) AS changed (day)
        WHERE state = 'lost'
    ) AS changes
FROM touched
ORDER BY day
