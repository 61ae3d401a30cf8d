"""Spell values in JSON."""

from datetime import UTC, datetime


def spelled(value: object) -> str:
    """Return as text what JSON has no word for: an instant in RFC 3339 and UTC, anything else as it prints."""
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).isoformat()
    return str(value)
