-- How many bars of an underlying's day were replaced since an object was written, and are stored no more.
-- What was replaced before that says nothing: the object has the bar as it was then, and retention may have dropped it.
-- $1 data_set_id smallint
-- $2 underlying_id integer
-- $3 start timestamptz
-- $4 end timestamptz
-- $5 object_id bigint: of the archive
SELECT count(DISTINCT gone.time) AS bars
FROM bar_revisions AS gone
WHERE gone.instrument_id = -$2::integer
    AND gone.data_set = $1::smallint
    AND gone.time >= $3::timestamptz
    AND gone.time < $4::timestamptz
    AND gone.replaced_at > (SELECT written_at FROM archive_objects WHERE id = $5::bigint)
    AND NOT EXISTS (
        SELECT
        FROM store.{bars} AS bar
        WHERE bar.underlying_id = $2::integer AND bar.time = gone.time
    )
