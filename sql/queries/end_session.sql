-- End a session of ours whose connection broke without the server's notice.
-- $1 pid integer: of its server process
SELECT pg_terminate_backend($1::integer)
