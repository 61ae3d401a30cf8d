"""Private files, and what child programs get."""
