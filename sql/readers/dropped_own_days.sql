-- Days of which an underlying has had bars of its own, and has none any more, neither in the database nor in an archive.
-- That a day settled is no sign of it: before a listing it settles without a bar.
-- $1 underlying_id integer
-- $2 data_set_id smallint
-- $3 place text: the archive's; NULL is none
-- $4 days date[]: to look at
SELECT day
FROM unnest($4::date[]) AS day
WHERE NOT EXISTS (
    SELECT
    FROM {bars} AS bar
    WHERE bar.underlying_id = $1::integer
        AND bar.time >= day::timestamp AT TIME ZONE 'UTC'
        AND bar.time < (day + 1)::timestamp AT TIME ZONE 'UTC'
)
    AND NOT EXISTS (
        SELECT
        FROM archived_sessions AS held
        INNER JOIN archive_objects AS object ON object.id = held.object_id
        WHERE object.place = $3::text
            AND held.underlying_id = $1::integer
            AND held.data_set = $2::smallint
            AND held.session_date = day
    )
    AND (
        EXISTS (
            SELECT
            FROM archived_sessions AS held
            WHERE held.underlying_id = $1::integer
                AND held.data_set = $2::smallint
                AND held.session_date = day
                AND held.rows > 0
        )
        OR EXISTS (
            SELECT
            FROM requests AS request
            WHERE request.instrument_id = -$1::integer
                AND request.data_set = $2::smallint
                AND request.outcome = 'bars'
                AND request.span <@ tstzrange(
                    day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC'
                )
        )
    )
ORDER BY day
