"""Commands that run the service, database and notifications."""
