"""Queries behind status pages and reports."""
