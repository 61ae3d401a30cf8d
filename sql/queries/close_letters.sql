-- Close dead letters about times when there was no session, and shorten those that are about such times in part.
-- One that would then be about the same as another is closed, too.
-- $1 data_set_id smallint
-- $2 underlying_id integer: whose letters, or whose contracts'
-- $3 closed tstzmultirange: when there was no session
-- $4 now timestamptz
WITH touched AS (
    SELECT letter.*, range_merge(tstzmultirange(letter.span) - $3::tstzmultirange) AS still
    FROM dead_letters AS letter
    WHERE letter.data_set = $1::smallint
        AND letter.resolved_at IS NULL
        AND $3::tstzmultirange && letter.span
        AND letter.instrument_id IN (
            SELECT id FROM option_chains WHERE underlying_id = $2::integer
            UNION ALL
            SELECT -$2::integer
        )
),
verdict AS (
    SELECT
        touched.id,
        touched.still,
        isempty(touched.still) OR touched.still = touched.span OR EXISTS (
            SELECT
            FROM dead_letters AS other
            WHERE other.resolved_at IS NULL
                AND other.id <> touched.id
                AND (other.instrument_id, other.data_set, other.what_to_show)
                = (touched.instrument_id, touched.data_set, touched.what_to_show)
                AND (other.span = touched.still OR (other.span && touched.span AND other.id < touched.id))
        ) AS over
    FROM touched
)
UPDATE dead_letters AS letter
SET
    span = CASE WHEN verdict.over THEN letter.span ELSE verdict.still END,
    resolved_at = CASE WHEN verdict.over THEN $4::timestamptz END,
    resolution = CASE WHEN verdict.over THEN 'closed' END
FROM verdict
WHERE letter.id = verdict.id
