-- When the Greeks of an underlying's expirations were computed last, by session.
-- $1 underlying_id integer
-- $2 days date[]: of the sessions
SELECT session_date AS day, expiration_date, computed_at
FROM expiration_carry
WHERE underlying_id = $1::integer AND session_date = ANY($2::date[])
ORDER BY session_date, expiration_date
