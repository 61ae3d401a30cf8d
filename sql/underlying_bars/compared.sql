-- What is stored of the staged slots' {column}, beside what was staged, by underlying and slot.
-- $1 underlying_ids integer[]
-- $2 start timestamptz: literal bounds, so that other chunks stay shut
-- $3 end timestamptz
SELECT
    underlying_id,
    time,
    old.{column} AS old,
    new.{column} AS new
FROM stage_{bars} AS new
INNER JOIN store.{bars} AS old USING (underlying_id, time)
WHERE old.underlying_id = ANY($1::integer[])
    AND old.time >= $2::timestamptz
    AND old.time < $3::timestamptz
    AND new.{column} IS NOT NULL
    AND old.{column} IS NOT NULL
ORDER BY underlying_id, time
