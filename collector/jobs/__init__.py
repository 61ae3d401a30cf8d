"""Work beside the bar run: Greeks, open interest, checks, reports."""
