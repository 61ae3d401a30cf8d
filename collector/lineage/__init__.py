"""Account for stored values, and for missing ones."""
