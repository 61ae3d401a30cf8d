"""Changes, manifest and whole rows for the archive."""
