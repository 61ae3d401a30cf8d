-- Let the next upgrade go ahead.
SELECT pg_advisory_unlock(7310579, 2)
