-- Days on which bars of an underlying's options, or of its own, are expected: first and last of each stretch.
-- $1 underlying_id integer
-- $2 data_set_id smallint
SELECT lower(stretch) AS first_day, upper(stretch) - 1 AS last_day
FROM (
    SELECT unnest(range_agg(known.selected * datemultirange(daterange(NULL, known.last_day, '[]')))) AS stretch
    FROM selections AS known
    WHERE known.underlying_id = $1::integer AND known.data_set = $2::smallint
) AS stretches
WHERE NOT isempty(stretch)
ORDER BY first_day
