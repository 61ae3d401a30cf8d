-- Accept a session as empty as it looks.
-- $1 session_day date
-- $2 symbols text[]: "ALL" is over all of them
-- $3 now timestamptz
INSERT INTO session_evidence AS old (
    session_date, symbol, answered, empty, near, near_without_ask, trades_empty, plausible, accepted_at, measured_at
)
SELECT $1::date, symbol, 0, 0, 0, 0, 0, true, $3::timestamptz, $3::timestamptz
FROM unnest($2::text[]) AS symbol
ON CONFLICT (session_date, symbol) DO UPDATE
SET plausible = true, accepted_at = excluded.accepted_at
