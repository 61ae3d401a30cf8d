"""Commands that need neither IB nor a database."""
