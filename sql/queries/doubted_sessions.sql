-- Session days that were found implausible for a symbol, and are so still.
-- $1 symbol text
SELECT session_date
FROM session_evidence
WHERE symbol = $1::text AND NOT plausible
ORDER BY session_date
