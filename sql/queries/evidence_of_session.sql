-- Symbols of a session with what their evidence counts.
-- $1 session_day date
-- $2 symbols text[]
SELECT symbol, answered, empty, near, near_without_ask, trades_empty
FROM session_evidence
WHERE session_date = $1::date AND symbol = ANY($2::text[])
