"""Copies of the archive's bars for other programs."""
