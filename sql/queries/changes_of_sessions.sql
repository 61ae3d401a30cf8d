-- How often anything of an underlying's sessions has changed, all of them together.
-- Bars begin on a day in UTC that is the session's date: options trade within one.
-- $1 underlying_id integer
-- $2 data_set_id smallint
-- $3 first_day date
-- $4 last_day date
SELECT coalesce(sum(change), 0)::bigint AS changes
FROM session_changes
WHERE underlying_id = $1::integer
    AND data_set = $2::smallint
    AND session_date >= $3::date
    AND session_date <= $4::date
