-- Forget how empty days looked that were no sessions.
-- $1 days date[]
UPDATE session_evidence
SET
    answered = 0, empty = 0, near = 0, near_without_ask = 0, trades_empty = 0, plausible = NULL, reason = '',
    found_on = '{}', accepted_at = NULL
WHERE session_date = ANY($1::date[]) AND plausible IS NOT NULL
