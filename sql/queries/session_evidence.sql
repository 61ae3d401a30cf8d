-- What earlier looks at a session found.
-- $1 session_day date
-- $2 symbol text: "ALL" is over all
SELECT answered, empty, near, near_without_ask, trades_empty, plausible, reason, found_on, accepted_at
FROM session_evidence
WHERE session_date = $1::date AND symbol = $2::text
