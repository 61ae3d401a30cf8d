-- Take the collection lock of earlier versions, for as long as this connection lives; false when another has it.
SELECT pg_try_advisory_lock(7310579, 1)
