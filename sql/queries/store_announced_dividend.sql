-- Keep the next dividend of an underlying as it was told on a day; the first that was told on it stays.
-- $1 underlying_id integer
-- $2 told_on date
-- $3 ex date: NULL when none is known
-- $4 amount numeric: USD per share, NULL when none is known
-- $5 now timestamptz
INSERT INTO announced_dividends (underlying_id, told_on, ex_date, amount, recorded_at)
VALUES ($1::integer, $2::date, $3::date, $4::numeric, $5::timestamptz)
ON CONFLICT (underlying_id, told_on) DO NOTHING
