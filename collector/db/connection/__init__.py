"""Connections: pool, statements, locks, errors."""
