-- Record how a person's act ended; a trigger lets that be said once.
-- $1 number bigint: the id
-- $2 now timestamptz
-- $3 outcome text
-- $4 message text
-- $5 run_id integer
UPDATE operator_actions
SET ended_at = $2::timestamptz, outcome = $3::text, message = $4::text, run_id = $5::integer
WHERE id = $1::bigint
