-- Expect an underlying's own bars on sessions, up to the next ones, so that neighbouring sessions are one range.
-- $1 data_set_id smallint
-- $2 underlying_id integer
-- $3 days date[]: of the sessions
-- $4 next_days date[]: of the sessions after them
INSERT INTO underlying_selections AS known (underlying_id, data_set, selected)
SELECT $2::integer, $1::smallint, range_agg(daterange(day, next_day))
FROM unnest($3::date[], $4::date[]) AS session (day, next_day)
HAVING count(*) > 0
ON CONFLICT (underlying_id, data_set) DO UPDATE
SET selected = known.selected + excluded.selected
WHERE NOT known.selected @> excluded.selected
