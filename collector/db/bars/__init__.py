"""Tables of bars: writing, quarantine, Greeks, checks."""
