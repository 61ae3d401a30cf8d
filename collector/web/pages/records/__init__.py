"""Pages of what is on record."""
