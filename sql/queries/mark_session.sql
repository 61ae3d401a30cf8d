-- Leave a mark in the session, by which it is known again.
SELECT set_config('collector.mark', pg_backend_pid()::text, false)
