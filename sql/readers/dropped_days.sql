-- Of days without option bars in the database those that have settled, and of which no archive has bars either.
-- $1 underlying_id integer: whose contracts
-- $2 data_set_id smallint
-- $3 place text: the archive's; NULL is none
-- $4 days date[]: to look at
SELECT day
FROM unnest($4::date[]) AS day
WHERE NOT EXISTS (
    SELECT
    FROM archived_sessions AS held
    INNER JOIN archive_objects AS object ON object.id = held.object_id
    WHERE object.place = $3::text
        AND held.underlying_id = $1::integer
        AND held.data_set = $2::smallint
        AND held.session_date = day
)
    AND EXISTS (
        SELECT
        FROM option_chains AS chain
        INNER JOIN request_coverage AS coverage ON coverage.instrument_id = chain.id
        WHERE chain.underlying_id = $1::integer
            AND chain.expiration_date >= day
            AND coverage.data_set = $2::smallint
            AND coverage.settled && tstzrange(
                day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC'
            )
    )
ORDER BY day
