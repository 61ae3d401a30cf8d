-- The last five plausible sessions of a symbol before a day, the latest first.
-- $1 symbol text
-- $2 before date
SELECT answered, empty, near, near_without_ask, trades_empty
FROM session_evidence
WHERE symbol = $1::text AND session_date < $2::date AND plausible AND answered > 0
ORDER BY session_date DESC
LIMIT 5
