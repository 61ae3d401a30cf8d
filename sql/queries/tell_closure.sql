-- Note that a probable closure is told.
-- $1 day date: the session
-- $2 now timestamptz
UPDATE suspected_closures
SET told_at = $2::timestamptz
WHERE session_date = $1::date
