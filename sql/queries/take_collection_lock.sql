-- Take the collection lock for as long as this connection lives.
-- $1 key integer: as drawn
SELECT pg_advisory_lock(7310579, $1::integer)
