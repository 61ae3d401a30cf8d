"""Tables of what was asked, covered, missing and lost."""
