-- End a session of ours whose connection broke without the server's notice: $1 its process id.
SELECT pg_terminate_backend($1::integer)
