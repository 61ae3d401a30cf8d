-- The server's process at work, and the mark that a client has left in its session, '' for none.
SELECT pg_backend_pid(), coalesce(current_setting('collector.mark', true), '')
