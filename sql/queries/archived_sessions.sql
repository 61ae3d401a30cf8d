-- The sessions that the manifest says an object holds, and whether it is about their underlying and kind of bars.
-- $1 object_id bigint
SELECT
    session.session_date,
    session.rows,
    session.hash,
    (session.underlying_id, session.data_set) IS NOT DISTINCT FROM (object.underlying_id, object.data_set) AS is_own
FROM archived_sessions AS session
INNER JOIN archive_objects AS object ON object.id = session.object_id
WHERE session.object_id = $1::bigint
ORDER BY session.session_date, session.underlying_id, session.data_set
