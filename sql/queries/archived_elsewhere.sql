-- At which other place the archive has most bars of a session, and how many; none: at no other.
-- $1 place text: not at this one
-- $2 underlying_id integer
-- $3 data_set_id smallint
-- $4 day date
SELECT object.place, session.rows
FROM archived_sessions AS session
INNER JOIN archive_objects AS object ON object.id = session.object_id
WHERE session.underlying_id = $2::integer
    AND session.data_set = $3::smallint
    AND session.session_date = $4::date
    AND object.place <> $1::text
    AND session.rows > 0
ORDER BY session.rows DESC, object.written_at DESC
LIMIT 1
