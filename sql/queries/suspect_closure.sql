-- Keep a witness of a session on which no underlying had a bar, and return what speaks for it so far.
-- $1 day date: the session
-- $2 symbols text[]: the underlyings that were asked
-- $3 sent_at timestamptz: by the source's clock
-- $4 run_id integer
INSERT INTO suspected_closures AS suspected (session_date, symbols, first_sent_at, last_sent_at, run_id)
VALUES ($1::date, $2::text[], $3::timestamptz, $3::timestamptz, $4::integer)
ON CONFLICT (session_date) DO UPDATE
SET
    symbols = excluded.symbols,
    first_sent_at = least(suspected.first_sent_at, excluded.first_sent_at),
    last_sent_at = greatest(suspected.last_sent_at, excluded.last_sent_at),
    run_id = excluded.run_id
RETURNING first_sent_at, last_sent_at, told_at
