-- The objects of the archive that hold a session of an underlying; the latest first.
-- $1 underlying_id integer
-- $2 data_set_id smallint
-- $3 session_day date: as the archive counts, in UTC
SELECT
    object.place,
    object.path,
    object.hash,
    session.hash AS session_hash,
    session.rows,
    session.settled,
    object.written_at,
    object.verified_at,
    session.change >= coalesce(present.change, session.change) AS is_present
FROM archived_sessions AS session
INNER JOIN archive_objects AS object ON object.id = session.object_id
LEFT JOIN session_changes AS present
    ON present.underlying_id = session.underlying_id
    AND present.data_set = session.data_set
    AND present.session_date = session.session_date
WHERE session.underlying_id = $1::integer
    AND session.data_set = $2::smallint
    AND session.session_date = $3::date
ORDER BY object.written_at DESC
