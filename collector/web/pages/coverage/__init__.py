"""Pages of what is there of sessions, cell by cell."""
