"""The embedded server and PostgreSQL's own programs."""
