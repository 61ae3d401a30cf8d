-- What an archive holds, and the first session whose bars it does not hold as they are.
-- $1 place text
SELECT
    held.objects,
    held.bytes,
    (
        SELECT min(changed.session_date)
        FROM session_changes AS changed
        WHERE NOT EXISTS (
            SELECT
            FROM archived_sessions AS one
            INNER JOIN archive_objects AS object ON object.id = one.object_id
            WHERE object.place = $1::text
                AND one.underlying_id = changed.underlying_id
                AND one.data_set = changed.data_set
                AND one.session_date = changed.session_date
                AND one.change >= changed.change
        )
    ) AS oldest_unarchived
FROM (
    SELECT
        count(*) AS objects,
        coalesce(sum(object.bytes), 0)::bigint AS bytes
    FROM archive_objects AS object
    WHERE object.place = $1::text
) AS held
