-- Every session's bars of some underlyings: how often they have changed, and which object of a place holds them as of when.
-- Sound: its bytes were right when they were last read.
-- $1 place text
-- $2 symbols text[]: NULL is all
SELECT
    underlying.id AS underlying_id,
    underlying.symbol,
    data_set,
    session_date,
    changed.change,
    held.object_id,
    held.path,
    held.change AS archived_change,
    held.rows,
    held.hash,
    held.settled,
    held.is_sound
FROM session_changes AS changed
FULL JOIN (
    SELECT
        one.underlying_id,
        one.data_set,
        one.session_date,
        one.object_id,
        object.path,
        one.change,
        one.rows,
        one.hash,
        one.settled,
        object.verified_at IS NOT NULL AS is_sound
    FROM archived_sessions AS one
    INNER JOIN archive_objects AS object ON object.id = one.object_id
    WHERE object.place = $1::text
) AS held USING (underlying_id, data_set, session_date)
INNER JOIN underlying_securities AS underlying ON underlying.id = underlying_id
WHERE $2::text[] IS NULL OR underlying.symbol = ANY($2::text[])
ORDER BY underlying.symbol, data_set, session_date
