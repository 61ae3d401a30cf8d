-- Which sessions of an underlying the source has adjusted anew after an instant.
-- $1 underlying_id integer
-- $2 data_set_id smallint
-- $3 at timestamptz
SELECT first_session, last_session
FROM adjustment_revisions
WHERE underlying_id = $1::integer
    AND data_set = $2::smallint
    AND replaced_at > $3::timestamptz
