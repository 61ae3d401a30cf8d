-- Take the lock of the archive's pass, for as long as this connection lives; false when another has it.
SELECT pg_try_advisory_lock(7310580, 1)
