-- Names of the parameters that the server knows.
SELECT name
FROM pg_settings
