"""Private and whole files, and what child programs get."""
