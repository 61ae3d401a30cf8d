-- Days of which an archive has bars of an underlying, with the object that holds them and whether it is up to date.
-- $1 place text
-- $2 underlying_id integer
-- $3 data_set_id smallint
-- $4 first_day date
-- $5 last_day date
SELECT
    held.session_date AS day,
    object.path,
    object.hash,
    object.bytes,
    held.rows,
    held.settled,
    held.change >= coalesce(present.change, 0) AS is_current
FROM archived_sessions AS held
INNER JOIN archive_objects AS object ON object.id = held.object_id
LEFT JOIN session_changes AS present
    ON present.underlying_id = held.underlying_id
    AND present.data_set = held.data_set
    AND present.session_date = held.session_date
WHERE object.place = $1::text
    AND held.underlying_id = $2::integer
    AND held.data_set = $3::smallint
    AND held.session_date >= $4::date
    AND held.session_date <= $5::date
ORDER BY held.session_date
