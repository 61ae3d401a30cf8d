"""Rules of selection, planning, coverage and evidence."""
