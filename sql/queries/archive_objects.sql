-- The objects that the manifest has at a place, by path.
-- $1 place text
SELECT
    object.id,
    object.path,
    object.underlying_id,
    underlying.symbol,
    object.data_set,
    object.first_session,
    object.last_session,
    object.rows,
    object.bytes,
    object.hash,
    object.format,
    object.written_at,
    object.verified_at,
    object.leftovers
FROM archive_objects AS object
LEFT JOIN underlying_securities AS underlying ON underlying.id = object.underlying_id
WHERE object.place = $1::text
ORDER BY object.path
