"""Acts of people, and what is at work."""
