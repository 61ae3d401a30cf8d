-- How often a session's bars, or what is known of them, have changed.
-- $1 underlying_id integer
-- $2 data_set_id smallint
-- $3 day date
SELECT change
FROM session_changes
WHERE underlying_id = $1::integer AND data_set = $2::smallint AND session_date = $3::date
