-- Wait until no other upgrade is at work, for as long as the lock time-out lets us.
SELECT pg_advisory_lock(7310579, 2)
