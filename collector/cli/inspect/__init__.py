"""Commands that only read and judge."""
