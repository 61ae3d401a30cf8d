"""Parts of the archive's pass and of restoring."""
