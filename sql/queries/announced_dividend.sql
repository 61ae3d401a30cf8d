-- The next dividend of an underlying as it was told last, on a day or before.
-- $1 underlying_id integer
-- $2 day date
SELECT told_on, ex_date, amount
FROM announced_dividends
WHERE underlying_id = $1::integer AND told_on <= $2::date
ORDER BY told_on DESC
LIMIT 1
