-- Keep what a look at a session found.
-- $1 session_day date
-- $2 symbol text
-- $3 answered integer
-- $4 empty integer
-- $5 near integer
-- $6 near_without_ask integer
-- $7 without_trades integer
-- $8 plausible boolean
-- $9 remark text: why it is not plausible, or what else is to be said
-- $10 nights date[]: that found the same share
-- $11 run_id integer
-- $12 now timestamptz
INSERT INTO session_evidence AS old (
    session_date, symbol, answered, empty, near, near_without_ask, trades_empty, plausible, reason, found_on, run_id,
    measured_at
)
VALUES (
    $1::date, $2::text, $3::integer, $4::integer, $5::integer, $6::integer, $7::integer, $8::boolean, $9::text,
    $10::date[], $11::integer, $12::timestamptz
)
ON CONFLICT (session_date, symbol) DO UPDATE
SET
    answered = excluded.answered,
    empty = excluded.empty,
    near = excluded.near,
    near_without_ask = excluded.near_without_ask,
    trades_empty = excluded.trades_empty,
    plausible = excluded.plausible,
    reason = excluded.reason,
    found_on = excluded.found_on,
    run_id = excluded.run_id,
    measured_at = excluded.measured_at
