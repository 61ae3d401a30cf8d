"""Pages of what is on record: runs, sessions, gaps, archive, mails, health."""
