"""Backups, compaction and retention."""
