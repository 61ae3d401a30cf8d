"""Which bars can be true, and what each column holds."""
