"""Alert rules, and the memory of what was told."""
