"""Copies of the archive's bars in the shapes that other programs want."""
