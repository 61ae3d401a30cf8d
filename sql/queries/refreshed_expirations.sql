-- The expirations whose contracts IB defined on a day or later.
-- $1 underlying_id integer
-- $2 today date: in New York
SELECT expiration_date
FROM expiration_refreshes
WHERE underlying_id = $1::integer AND refreshed_on >= $2::date
