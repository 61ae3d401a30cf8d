-- Forget suspicions about sessions of which bars have come.
-- $1 days date[]
DELETE FROM suspected_closures
WHERE session_date = ANY($1::date[])
